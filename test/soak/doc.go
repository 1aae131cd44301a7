// Package soak runs replicas of the program over a shared Redis for an hour, in front of
// the stand-in. Answers in every format come and go, with aborts, resumes, retries and
// stops, while replicas are killed and reload their settings. Nothing may be lost or
// repeated, each question may be asked once, and memory, goroutines and descriptors must
// return to their start.
package soak
