#!/bin/sh
# Good guess: `pc.binary_slice(array, 1)` cuts the first byte off each value, as
#   `pc.utf8_slice_codeunits(array, 1)` cuts off the first character: the documentation of both says that
#   without a stop the slice goes to the end.
# Versions: pyarrow 26.0.1.
# Behaviour: without a stop, and with a start of 0 or more, it raises "Negative buffer resize" on each array with
#   an even number of values, whatever they are, and answers rightly on each with an odd number. The sentence
#   says -N * (start + 1) for N values: as if N * (2**63 - 1 - start) bytes were asked for, in 64 bits with a
#   sign. So code that was tried with one value or three fails with two.
# Way out: give a stop beyond the longest value, such as 2**31.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1
"$folder/venv/bin/python" - <<'PYTHON'
import pyarrow as pa
import pyarrow.compute as pc

for start in (0, 1, 3):
    for count in range(1, 9):
        texts = [f"text {number}" for number in range(count)]
        expected = [text[start:] for text in texts]
        assert pc.utf8_slice_codeunits(pa.array(texts), start).to_pylist() == expected
        array = pa.array([text.encode() for text in texts])
        assert pc.binary_slice(array, start, 2**31).to_pylist() == [text.encode() for text in expected]
        try:
            said = pc.binary_slice(array, start).to_pylist()
        except pa.ArrowInvalid as error:
            said = str(error)
        print(f"start {start}, {count} values: {said if isinstance(said, str) else 'as expected'}")
        if count % 2:
            assert said == [text.encode() for text in expected], said
        else:
            assert said == f"Negative buffer resize: {-count * (start + 1)}", said
PYTHON
