package sigv4

import (
	"encoding/hex"
	"strconv"
	"testing"
)

// The example of "Deriving the Signing Key" (Signature Version 4 documentation).
func TestDeriveKey(t *testing.T) {
	key := deriveKey("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope{"20120215", "us-east-1", "iam"})
	if got := hex.EncodeToString(key[:]); got != "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d" {
		t.Error(got)
	}
}

func TestKeyCache(t *testing.T) {
	day := scope{"20130524", "us-east-1", "s3"}
	t.Run("it holds what was put, and derives the rest", func(t *testing.T) {
		var c keyCache
		key, cached := c.get("secret", day)
		if cached || key != deriveKey("secret", day) {
			t.Error("an empty cache has a key, or a wrong one")
		}
		c.put("secret", day, key)
		if again, cached := c.get("secret", day); !cached || again != key {
			t.Error("the key is not there")
		}
		if _, cached := c.get("another", day); cached {
			t.Error("another secret finds it")
		}
	})
	t.Run("it is bounded, and keeps what is in use", func(t *testing.T) {
		var c keyCache
		c.put("in use", day, signingKey{1})
		for i := range 10 * cacheSize {
			c.put(strconv.Itoa(i), day, signingKey{})
			if _, cached := c.get("in use", day); !cached {
				t.Fatal("lost after", i)
			}
		}
		if n := len(c.young) + len(c.old); n > 2*cacheSize {
			t.Error(n, "keys")
		}
	})
}
