#!/bin/sh
# curl and jq: ./curl.sh 'a question'
base=${BASE_URL:-http://127.0.0.1:8380}
question=${1:-写一首关于秋天的诗}

curl -sSN -X POST --get "$base/v3/chat" --data-urlencode "message=$question" | {
  while IFS= read -r line; do
    case $line in
    event:*) event=${line#event:} ;;
    data:*)
      case $event in
      conversation.message.delta) printf '%s' "${line#data:}" | jq -j .content ;;
      done) echo; exit ;;
      error) echo "${line#data:}" >&2; exit 1 ;;
      esac ;;
    esac
  done
  echo "${line:-the stream was cut}" >&2 # an error reply without a stream has no final newline
  exit 1
}
