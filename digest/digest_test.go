package digest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/zot-artifact-store/zas/digest"
)

func TestParse(t *testing.T) {
	hello := "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
	for name, s := range map[string]string{
		"sha256 is accepted": hello,
		"sha512 is accepted": "sha512:" + strings.Repeat("0a", 64),
	} {
		t.Run(name, func(t *testing.T) {
			d, err := digest.Parse(s)
			if err != nil || d.String() != s {
				t.Fatalf("Parse(%q) = %q, %v", s, d, err)
			}
			if again := digest.FromSum(d.Algorithm(), d.Sum()); again != d {
				t.Fatalf("sum of %q gives %q", d, again)
			}
		})
	}
	for name, s := range map[string]string{
		"empty is refused":               "",
		"upper case is refused":          strings.ToUpper(hello[7:]),
		"upper-case digits are refused":  "sha256:" + strings.ToUpper(hello[7:]),
		"an unknown algorithm":           "md5:" + strings.Repeat("0", 32),
		"a short sum is refused":         hello[:70],
		"a long sum is refused":          hello + "0",
		"a path in the digest":           "sha256:../../../../etc/passwd",
		"digits of another script":       "sha256:" + strings.Repeat("٠", 32),
		"white space around it":          " " + hello,
		"a missing algorithm is refused": ":" + hello[7:],
	} {
		t.Run(name, func(t *testing.T) {
			if d, err := digest.Parse(s); !errors.Is(err, digest.ErrMalformed) {
				t.Fatalf("Parse(%q) = %q, %v", s, d, err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
	f.Add("sha512:")
	f.Add(":")
	f.Fuzz(func(t *testing.T, s string) {
		d, err := digest.Parse(s)
		if err != nil {
			return
		}
		if string(d) != s || digest.FromSum(d.Algorithm(), d.Sum()) != d {
			t.Fatalf("%q does not survive", s)
		}
	})
}

func ExampleCompute() {
	d, n, err := digest.Compute(strings.NewReader("hello\n"))
	fmt.Println(d, n, err)
	// Output: sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 6 <nil>
}
