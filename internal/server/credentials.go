package server

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/zot-artifact-store/zas/auth"
)

// Credentials are the root pair of a server.
type Credentials struct {
	Root  auth.Root
	File  string // where the pair is kept; empty: it was given by the environment
	Fresh bool   // made at this start: the one time at which the secret is shown
}

// credentialsFile is kept in the data directory with mode 0600.
const credentialsFile = "root-credentials.json"

// keptPair is the form of the file.
type keptPair struct {
	AccessKey string `json:"accessKey"`
	SecretKey string `json:"secretKey"`
}

// rootCredentials is the given pair, else the one kept in dir, else a new one, which it keeps there.
func rootCredentials(dir string, given auth.Root) (Credentials, error) {
	if given != (auth.Root{}) {
		return Credentials{Root: given}, checkPair(given)
	}
	path := filepath.Join(dir, credentialsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newCredentials(path)
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("root credentials: %w", err)
	}
	var kept keptPair
	if err := json.Unmarshal(text, &kept); err != nil {
		return Credentials{}, fmt.Errorf("root credentials: %s is damaged (%w); put a pair into it, or remove it to get a new one", path, err)
	}
	root := auth.Root(kept)
	return Credentials{Root: root, File: path}, checkPair(root)
}

// checkPair keeps out what clients refuse or what can be guessed.
func checkPair(root auth.Root) error {
	if len(root.AccessKey) < 3 || len(root.SecretKey) < 8 {
		return errors.New("root credentials: the access key needs at least 3 characters and the secret key at least 8 " +
			"(ZAS_ROOT_ACCESS_KEY and ZAS_ROOT_SECRET_KEY)")
	}
	return nil
}

// newCredentials makes up a pair and keeps it durably: whoever has seen it can rely on it.
func newCredentials(path string) (Credentials, error) {
	root := auth.Root{AccessKey: "ZAS" + rand.Text()[:17], SecretKey: rand.Text() + rand.Text()[:14]}
	text, err := json.MarshalIndent(keptPair(root), "", "  ")
	if err == nil {
		err = writeDurably(path, append(text, '\n'))
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("keep root credentials: %w", err)
	}
	return Credentials{Root: root, File: path, Fresh: true}, nil
}

// writeDurably makes the file at path hold text, whole or not at all, for its owner only.
func writeDurably(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreAbsent(os.Remove(f.Name()))) }()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
