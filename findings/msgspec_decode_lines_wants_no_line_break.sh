#!/bin/sh
# Good guess: msgspec.json.decode_lines, which takes newline-delimited JSON, refuses a line with two values, as
#   decode refuses what follows a value ("trailing characters").
# Versions: msgspec 0.22.0.
# Behaviour: values need nothing between them: two objects on one line are two values, and so are `1 2` and
#   `"a""b"`. Whoever counts lines to tell which one was bad, or pairs lines with values, is off by one from there.
# Way out: compare the number of values with the number of lines before they are paired.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check msgspec==0.22.0
"$folder/venv/bin/python" - <<'PYTHON'
import msgspec

decoder = msgspec.json.Decoder()
seen = {}
for text in (b'{"a":1}{"b":2}', b"1 2", b'"a""b"\n"c"'):
    try:
        alone = decoder.decode(text)
    except msgspec.DecodeError as error:
        alone = str(error)
    seen[text] = (decoder.decode_lines(text), alone)
    print(f"{text!r}: decode_lines gives {seen[text][0]}, decode: {alone}")
assert seen[b'{"a":1}{"b":2}'][0] == [{"a": 1}, {"b": 2}]
assert seen[b"1 2"][0] == [1, 2]
assert seen[b'"a""b"\n"c"'][0] == ["a", "b", "c"]
assert all("trailing characters" in alone for _, alone in seen.values())
PYTHON
