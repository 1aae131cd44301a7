package jsonx

import (
	"math"
	"testing"
)

func TestMarshal(t *testing.T) {
	for _, test := range []struct {
		name string
		v    any
		want string
	}{
		{"object", struct {
			Code int    `json:"code"`
			Msg  string `json:"msg"`
		}{4000, "bad"}, `{"code":4000,"msg":"bad"}`},
		{"HTML", "<a> & b", `"<a> & b"`},
		{"newlines", "a\n\n", `"a\n\n"`},
		{"nothing", nil, `null`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := string(Marshal(test.v)); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestMarshalPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("got no panic for a value that cannot be encoded")
		}
	}()
	Marshal(math.NaN())
}
