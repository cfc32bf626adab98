package fileextent_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zot-artifact-store/zas/extent"
	"github.com/zot-artifact-store/zas/extent/extenttest"
	"github.com/zot-artifact-store/zas/extent/fileextent"
)

const epoch extent.Epoch = "00000000000000ab"

func openAt(t testing.TB, root string) *fileextent.Store {
	t.Helper()
	s, err := fileextent.Open(root, fileextent.Options{})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

// put stores size bytes that follow from the location l.
func put(ctx context.Context, s *fileextent.Store, l extent.Location, size int) error {
	w, err := s.Create(ctx, l, int64(size))
	if err != nil {
		return err
	}
	defer w.Abort()
	if _, err := w.Write(extenttest.Bytes(l, size)); err != nil {
		return err
	}
	return w.Commit(ctx)
}

func wantExtent(t *testing.T, s *fileextent.Store, l extent.Location, size int) {
	t.Helper()
	r, err := s.Open(t.Context(), l, 0, int64(size))
	if err != nil {
		t.Errorf("Open: %v", err)
		return
	}
	defer r.Close()
	if b, err := io.ReadAll(r); err != nil || !bytes.Equal(b, extenttest.Bytes(l, size)) {
		t.Errorf("%s: %d bytes, %v; want other bytes, %d of them", l, len(b), err, size)
	}
}

func TestContract(t *testing.T) {
	extenttest.Run(t, func(t *testing.T) extent.Store { return openAt(t, t.TempDir()) })
}

func TestAnExtentIsAFileOfItsName(t *testing.T) {
	root := filepath.Join(t.TempDir(), "data", "extents")
	s := openAt(t, root)
	l := extent.Location("00000000000000ab00000000000000f7")
	if err := put(t.Context(), s, l, 1000); err != nil {
		t.Fatalf("storing: %v", err)
	}
	file := filepath.Join(root, "f7", string(l))
	for path, want := range map[string]os.FileMode{
		file: 0o600, root: os.ModeDir | 0o700, filepath.Join(root, "f7"): os.ModeDir | 0o700, filepath.Dir(root): os.ModeDir | 0o700,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v; want mode %v", path, info, err, want)
		}
	}
	r, err := s.Open(t.Context(), l, 500, 10)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	defer r.Close()
	f, ok := r.(*os.File)
	if !ok {
		t.Fatalf("the reader is a %T: no sendfile", r)
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != 500 || err != nil {
		t.Errorf("the reader stands at %d, %v; want 500", at, err)
	}
}

func TestAStoreOpenedAgainHasItsExtents(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s := openAt(t, "here")
	l := extent.NewLocation(epoch)
	if err := put(t.Context(), s, l, 9<<20); err != nil {
		t.Fatalf("storing: %v", err)
	}
	t.Chdir(t.TempDir()) // the root stays where it was
	wantExtent(t, s, l, 9<<20)
	wantExtent(t, openAt(t, filepath.Join(dir, "here")), l, 9<<20)
}

func TestWhatIsNoExtentIsNotListed(t *testing.T) {
	root := t.TempDir()
	s := openAt(t, root)
	l := extent.Location("00000000000000ab00000000000000f7")
	if err := put(t.Context(), s, l, 10); err != nil {
		t.Fatalf("storing: %v", err)
	}
	for _, name := range []string{"notes.txt", "f7/notes.txt", "00/00000000000000ab00000000000000f7", "direct-io-probe"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []extent.Info
	for info, err := range openAt(t, root).List(t.Context()) {
		if err != nil {
			t.Fatalf("List: %v", err)
		}
		got = append(got, info)
	}
	if diff := cmp.Diff([]extent.Info{{Location: l, Size: 10}}, got); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
}

func TestARootThatCannotBeIsReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, root := range []string{path, filepath.Join(path, "below")} {
		if _, err := fileextent.Open(root, fileextent.Options{}); err == nil {
			t.Errorf("Open(%s) succeeds", root)
		}
	}
}

// killedRoot names, in the environment, the store that a child process writes until it is killed.
const killedRoot = "FILEEXTENT_KILLED_ROOT"

func TestWhatAKilledProcessHasCommittedIsThere(t *testing.T) {
	if root := os.Getenv(killedRoot); root != "" {
		writeUntilKilled(t, root)
		return
	}
	root := t.TempDir()
	committed := make(map[extent.Location]int)
	for _, lines := range []int{1, 20, 33} {
		for l, size := range runAndKill(t, root, lines) {
			committed[l] = size
		}
		s := openAt(t, root)
		for l, size := range committed {
			wantExtent(t, s, l, size)
		}
		for info, err := range s.List(t.Context()) {
			if err != nil {
				t.Fatalf("List: %v", err)
			}
			if _, ok := committed[info.Location]; ok {
				continue
			}
			if err := s.Delete(t.Context(), info.Location); err != nil {
				t.Errorf("Delete of a rest: %v", err)
			}
		}
	}
}

// writeUntilKilled stores extents, and prints each that is committed.
func writeUntilKilled(t *testing.T, root string) {
	s := openAt(t, root)
	sizes := []int{0, 1, 5000, 300_000, 9<<20 + 1}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := i; ; n++ {
				l, size := extent.NewLocation(epoch), sizes[n%len(sizes)]
				if err := put(t.Context(), s, l, size); err != nil {
					t.Errorf("storing: %v", err)
					return
				}
				_, _ = os.Stdout.WriteString(fmt.Sprintf("committed %s %d\n", l, size))
			}
		})
	}
	all.Wait()
}

// runAndKill runs a child until it has printed so many lines, and returns all extents that it says are committed.
func runAndKill(t *testing.T, root string, lines int) map[extent.Location]int {
	t.Helper()
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), killedRoot+"="+root)
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		t.Fatalf("starting a child: %v", err)
	}
	committed := make(map[extent.Location]int)
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // and a last line may be cut off
		}
		var l extent.Location
		var size int
		if _, err := fmt.Sscanf(line, "committed %s %d", &l, &size); err != nil {
			t.Errorf("the child says %q", strings.TrimSpace(line))
			continue
		}
		committed[l] = size
		if len(committed) == lines {
			_ = child.Process.Kill()
		}
	}
	if err := child.Wait(); err == nil || len(committed) < lines {
		t.Errorf("the child ended by itself: %v", err)
	}
	return committed
}
