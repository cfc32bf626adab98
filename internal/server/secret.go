package server

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secret is what all keys that the server makes for itself are derived from.
type secret [32]byte

// secretFile is kept in the data directory with mode 0600, in hexadecimal. Without it a new one is made; what was signed with the old
// one is then no longer good.
const secretFile = "server-secret"

// keptSecret is the secret kept in dir, else a new one, which it keeps there.
func keptSecret(dir string) (secret, error) {
	var s secret
	path := filepath.Join(dir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		_, _ = rand.Read(s[:]) // it never fails
		if err := writeDurably(path, []byte(hex.EncodeToString(s[:])+"\n")); err != nil {
			return s, fmt.Errorf("keep the server's secret: %w", err)
		}
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("the server's secret: %w", err)
	}
	raw, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(raw) != len(s) {
		return s, fmt.Errorf("the server's secret: %s is damaged; remove it to get a new one", path)
	}
	return secret(raw), nil
}

// key is the key for one purpose; nothing about the secret or other keys follows from it (RFC 5869).
func (s secret) key(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, s[:], nil, purpose, sha256.Size)
}
