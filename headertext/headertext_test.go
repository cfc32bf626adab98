package headertext_test

import (
	"fmt"
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/zot-artifact-store/zas/headertext"
)

func ExampleEncode() {
	fmt.Println(headertext.Encode("plain text"), headertext.Encode("Jürgen"))
	// Output: plain text =?UTF-8?B?SsO8cmdlbg==?=
}

// FuzzEncode looks for text that does not come back, and for bytes that a header cannot hold.
func FuzzEncode(f *testing.F) {
	for _, seed := range []string{"", "plain", "Jürgen", " space ", "=?UTF-8?B?eA==?=", "tab\tnew\nline", strings.Repeat("日本", 40), strings.Repeat("\x80", 100)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sent := headertext.Encode(s)
		for i := range len(sent) {
			if sent[i] < ' ' || sent[i] > '~' {
				t.Fatalf("%q is sent as %q", s, sent)
			}
		}
		for word := range strings.SplitSeq(sent, " ") {
			if sent != s && len(word) > 75 {
				t.Fatalf("%q is sent with a word of %d characters", s, len(word))
			}
		}
		var d mime.WordDecoder
		back, err := d.DecodeHeader(sent)
		if utf8.ValidString(s) && (err != nil || back != s) {
			t.Fatalf("%q, sent as %q, is read as %q, %v", s, sent, back, err)
		}
	})
}
