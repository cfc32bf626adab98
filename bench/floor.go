package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/zot-artifact-store/zas/internal/e2e/instance"
)

// floorCommand makes this program a floor.
const floorCommand = "floor"

// serveFloor is a server that does the least that a kind of work can cost: read a body and hash it, or send a file.
func serveFloor(args []string) error {
	var listen, file, cert, key string
	f := flag.NewFlagSet(floorCommand, flag.ContinueOnError)
	f.StringVar(&listen, "listen", "", "")
	f.StringVar(&file, "file", "", "what GET sends")
	f.StringVar(&cert, "cert", "", "")
	f.StringVar(&key, "key", "", "")
	if err := f.Parse(args); err != nil {
		return err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("PUT /discard", func(w http.ResponseWriter, r *http.Request) { discard(w, r) })
	routes.HandleFunc("PUT /sha256", func(w http.ResponseWriter, r *http.Request) { discard(w, r, sha256.New()) })
	routes.HandleFunc("PUT /sha256-md5", func(w http.ResponseWriter, r *http.Request) { discard(w, r, sha256.New(), md5.New()) })
	kept := func(hashes ...func() hash.Hash) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var running []hash.Hash
			for _, start := range hashes {
				running = append(running, start())
			}
			if err := writeDirect(w, r, filepath.Dir(file), running...); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}
	}
	routes.HandleFunc("PUT /sha256/kept", kept(sha256.New))
	routes.HandleFunc("PUT /sha256-md5/kept", kept(sha256.New, md5.New))
	routes.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	routes.HandleFunc("GET /memory", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content[:min(len(content), smallSize)]))
	})
	server := &http.Server{Addr: listen, Handler: routes}
	if cert != "" {
		return server.ListenAndServeTLS(cert, key)
	}
	return server.ListenAndServe()
}

// blocks are the buffers of a floor.
var blocks = sync.Pool{New: func() any { return new([1 << 20]byte) }}

// discard reads the body in large blocks and hashes it.
func discard(w http.ResponseWriter, r *http.Request, hashes ...hash.Hash) {
	block := blocks.Get().(*[1 << 20]byte)
	defer blocks.Put(block)
	for {
		n, err := r.Body.Read(block[:])
		for _, h := range hashes {
			h.Write(block[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return
		}
	}
	answer(w, hashes)
}

func answer(w http.ResponseWriter, hashes []hash.Hash) {
	for _, h := range hashes {
		w.Header().Add("ETag", hex.EncodeToString(h.Sum(nil)))
	}
}

// floor is a running floor.
type floor struct {
	process
	url     string
	command *exec.Cmd
}

// startFloor runs this program as a floor that sends file.
func startFloor(ctx context.Context, file string, cert *instance.Cert) (*floor, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	f := &floor{url: "http://" + address}
	args := []string{floorCommand, "-listen", address, "-file", file}
	if cert != nil {
		args = append(args, "-cert", cert.CertFile, "-key", cert.KeyFile)
		f.url = "https://" + address
	}
	f.command = exec.CommandContext(ctx, self, args...)
	f.command.Stderr = os.Stderr
	if err := f.command.Start(); err != nil {
		return nil, err
	}
	f.pid = f.command.Process.Pid
	for range 500 {
		if c, err := net.Dial("tcp", address); err == nil {
			return f, c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, fmt.Errorf("the floor does not listen at %s", address)
}

func (f *floor) stop() {
	_ = f.command.Process.Kill()
	_ = f.command.Wait()
}
