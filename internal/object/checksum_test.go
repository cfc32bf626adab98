package object

import (
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/zot-artifact-store/zas/fault"
	"github.com/zot-artifact-store/zas/internal/content"
)

func sum(a Algorithm, b []byte) []byte {
	h := a.hash().New()
	h.Write(b)
	return h.Sum(nil)
}

func TestJoinedCRCsAreThoseOfTheWhole(t *testing.T) {
	for _, a := range []Algorithm{CRC32, CRC32C, CRC64NVME} {
		t.Run(a.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				pieces := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 200), 0, 8).Draw(t, "pieces")
				var whole []byte
				join := crcJoin{polynomial: algorithmInfo[a].crc}
				for _, p := range pieces {
					whole = append(whole, p...)
					join.add(bigEndian(sum(a, p)), int64(len(p)))
				}
				if want := bigEndian(sum(a, whole)); join.crc != want {
					t.Fatalf("joined %x, want %x", join.crc, want)
				}
			})
		})
	}
}

// The length of a piece enters as a power of x, so the one of a piece that nobody can hold in memory is that of its halves.
func TestLongPiecesShiftAsTheirHalvesDo(t *testing.T) {
	for _, p := range []polynomial{crc32IEEE, crc32Castagnoli, crc64NVME} {
		rapid.Check(t, func(t *rapid.T) {
			a, b := rapid.Uint64Range(0, 1<<45).Draw(t, "a"), rapid.Uint64Range(0, 1<<45).Draw(t, "b")
			if p.power(a+b) != p.multiply(p.power(a), p.power(b)) {
				t.Fatalf("x^(%d+%d) is not x^%d times x^%d", a, b, a, b)
			}
		})
	}
}

// The sums of no bytes, as the specifications of the algorithms have them, and big-endian where they are numbers.
func TestSumsOfNothing(t *testing.T) {
	for a, want := range map[Algorithm]string{
		CRC32: "00000000", CRC32C: "00000000", CRC64NVME: "0000000000000000", MD5: "d41d8cd98f00b204e9800998ecf8427e",
		SHA1: "da39a3ee5e6b4b0d3255bfef95601890afd80709", SHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		SHA512:   "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
		XXHASH64: "ef46db3751d8e999", XXHASH3: "2d06800538d394c2", XXHASH128: "99aa06d3014798d86001c324468d497f",
	} {
		if got := sum(a, nil); hex.EncodeToString(got) != want || len(got) != algorithmInfo[a].size {
			t.Errorf("%s is %x, want %s", a, got, want)
		}
	}
}

func TestTypesOfChecksums(t *testing.T) {
	full, composite := FullObject, Composite
	for _, c := range []struct {
		a    Algorithm
		ask  *ChecksumType
		want ChecksumType
		ok   bool
	}{
		{CRC32, nil, Composite, true}, {CRC32, &full, FullObject, true}, {CRC32, &composite, Composite, true},
		{CRC32C, nil, Composite, true}, {CRC32C, &full, FullObject, true}, {CRC32C, &composite, Composite, true},
		{CRC64NVME, nil, FullObject, true}, {CRC64NVME, &full, FullObject, true}, {CRC64NVME, &composite, 0, false},
		{SHA1, nil, Composite, true}, {SHA1, &composite, Composite, true}, {SHA1, &full, 0, false},
		{SHA256, nil, Composite, true}, {SHA256, &composite, Composite, true}, {SHA256, &full, 0, false},
	} {
		got, err := chooseType(c.a, c.ask)
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("%s, asked for %v: %v, %v", c.a, c.ask, got, err)
		}
	}
}

func TestSumsAreBase64OfTheirLength(t *testing.T) {
	for _, a := range Algorithms() {
		whole := sum(a, []byte("hello"))
		text := Checksum{Algorithm: a, Sum: whole}.String()
		back, err := ParseSum(a, text)
		if err != nil || string(back) != string(whole) {
			t.Errorf("%s: %q read as %x, %v", a, text, back, err)
		}
		for _, bad := range []string{"", text[1:], text + "=", " " + text, "AA=="} {
			if _, err := ParseSum(a, bad); fault.Of(err) == nil || fault.Of(err).Code != fault.BadRequest {
				t.Errorf("%s: %q gives %v", a, bad, err)
			}
		}
		if again, ok := ParseAlgorithm(a.String()); !ok || again != a {
			t.Errorf("%s is read as %s", a, again)
		}
		if a.hash().New().Size() != algorithmInfo[a].size {
			t.Errorf("%s has sums of %d bytes", a, a.hash().New().Size())
		}
	}
}

func TestAnIntegrityNamesWhatHasToBeComputed(t *testing.T) {
	if got := (Integrity{}).hashes(CRC64NVME); got != content.MD5|content.CRC64NVME {
		t.Errorf("nothing stated: %b", got)
	}
	if got := (Integrity{Algorithm: SHA1}).hashes(CRC32); got != content.MD5|content.CRC32|content.SHA1 {
		t.Errorf("SHA-1 stated: %b", got)
	}
}
