package repository

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// Attack 24: whatever the text, reading a manifest costs bounded memory.
func TestAJSONBombIsRefused(t *testing.T) {
	const most = 512 << 20 // bytes allocated in all, most of them garbage by then
	image := func(rest string) string {
		return `{"schemaVersion":2,"config":{"digest":"sha256:` + strings.Repeat("0", 64) + `","size":1},` + rest + `}`
	}
	var keys strings.Builder
	for n := 0; keys.Len() < MaxManifest-1000; n++ {
		fmt.Fprintf(&keys, `"%x":0,`, n)
	}
	for name, tc := range map[string]struct {
		text string
		fine bool
	}{
		"two million arrays within another":        {image(`"x":` + strings.Repeat("[", 2_000_000) + strings.Repeat("]", 2_000_000)), false},
		"a hundred and one objects within another": {image(`"x":` + strings.Repeat(`{"a":`, 101) + "1" + strings.Repeat("}", 101)), false},
		"half a million keys":                      {image(`"x":{` + keys.String() + `"z":0}`), true},
		"two million elements":                     {image(`"x":[` + strings.Repeat("0,", 2_000_000) + `0]`), true},
		"a million layers of nothing":              {image(`"layers":[` + strings.Repeat("{},", 1_000_000) + `{}]`), false},
		"two million addresses":                    {image(`"layers":[{"urls":[` + strings.Repeat(`"",`, 1_000_000) + `""]}]`), false},
		"a number of a megabyte":                   {image(`"x":` + strings.Repeat("9", 1<<20)), true},
		"a size of a megabyte":                     {image(`"layers":[{"size":` + strings.Repeat("9", 1<<20) + `}]`), false},
	} {
		t.Run(name, func(t *testing.T) {
			if len(tc.text) > MaxManifest {
				t.Fatalf("%d bytes", len(tc.text))
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := parseManifest(ociManifest, []byte(tc.text))
			runtime.ReadMemStats(&after)
			if (err == nil) != tc.fine {
				t.Errorf("%.200v", err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > most {
				t.Errorf("it allocates %d MiB", cost>>20)
			}
		})
	}
}
