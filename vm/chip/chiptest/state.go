package chiptest

import (
	"bytes"
	"encoding/gob"
	"reflect"
	"testing"
)

// Recode returns a chip's state after encoding and decoding, as a snapshot does
// it. It reports an error when something got lost on the way: a state has plain
// fields only.
func Recode[S any](t testing.TB, s S) (back S) {
	t.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(s); err != nil {
		t.Fatal(err)
	}
	if err := gob.NewDecoder(&b).Decode(&back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back, s) {
		t.Error("the state differs after encoding")
	}
	return back
}
