package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// row is a line of the table.
type row struct {
	name, aim, measured, floor, ratio, more string
	missed                                  bool
}

// limit is what a case aims at; zero fields are not aimed at.
type limit struct {
	cpu   time.Duration // of the server, for one operation
	ratio float64       // to the floor
	syncs float64
}

func (l limit) String() string {
	var parts []string
	if l.cpu > 0 {
		parts = append(parts, l.cpu.String())
	}
	if l.ratio > 0 {
		parts = append(parts, fmt.Sprintf("%.2f × floor", l.ratio))
	}
	if l.syncs > 0 {
		parts = append(parts, fmt.Sprintf("%.1f syncs", l.syncs))
	}
	if parts == nil {
		return "–"
	}
	return "≤ " + strings.Join(parts, ", ")
}

// add puts a case into the table. Without a floor the ratio is left out.
func (b *bench) add(name string, l limit, c, floor cost) {
	r := row{name: name, aim: l.String(), measured: seconds(c.cpu), floor: "–", ratio: "–", more: fmt.Sprintf("%.0f/s", c.rate)}
	if l.syncs > 0 || c.syncs > 0.01 {
		r.more += fmt.Sprintf(", %.2f syncs", c.syncs)
	}
	r.missed = l.cpu > 0 && c.cpu > l.cpu.Seconds() || l.syncs > 0 && c.syncs > l.syncs
	if floor.measured {
		r.floor, r.ratio = seconds(floor.cpu), fmt.Sprintf("%.2f", c.ratio)
		r.missed = r.missed || l.ratio > 0 && c.ratio > l.ratio
	}
	b.put(r)
}

// addMemory puts a resident set into the table.
func (b *bench) addMemory(name string, limit, mib float64) {
	b.put(row{
		name: name, aim: fmt.Sprintf("≤ %.0f MiB", limit), measured: fmt.Sprintf("%.0f MiB", mib), floor: "–", ratio: "–", missed: mib > limit,
	})
}

func (b *bench) put(r row) {
	b.rows = append(b.rows, r)
	fmt.Println(r)
}

// String is the row in Markdown.
func (r row) String() string {
	verdict := "yes"
	switch {
	case r.aim == "–":
		verdict = "–"
	case r.missed:
		verdict = "**no**"
	}
	return "| " + strings.Join([]string{r.name, r.aim, r.measured, r.floor, r.ratio, r.more, verdict}, " | ") + " |"
}

// seconds is a time with three digits.
func seconds(s float64) string {
	switch {
	case s < 0.01:
		return fmt.Sprintf("%.0f µs", s*1e6)
	case s < 1:
		return fmt.Sprintf("%.1f ms", s*1e3)
	}
	return fmt.Sprintf("%.2f s", s)
}

// The markers between which a document holds the table.
const (
	beginMarker = "<!-- the table begins: written by bench -update -->\n"
	endMarker   = "<!-- the table ends -->"
)

// publish puts the table into a document.
func (b *bench) publish(file string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), beginMarker)
	_, after, ok2 := strings.Cut(rest, endMarker)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no markers for the table", file)
	}
	var t bytes.Buffer
	fmt.Fprintf(&t, "%s%s\n", before+beginMarker, machine())
	fmt.Fprintln(&t, "| Case | aim | CPU of the server | floor | ratio | rate and syncs | met |")
	fmt.Fprintln(&t, "| --- | --- | --- | --- | --- | --- | --- |")
	for _, r := range b.rows {
		fmt.Fprintln(&t, r)
	}
	t.WriteString(endMarker + after)
	return os.WriteFile(file, t.Bytes(), 0o644)
}

// machine says where and when, in a sentence.
func machine() string {
	model := "unknown processor"
	if out, err := exec.Command("sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2").Output(); err == nil {
		model = strings.TrimSpace(string(out))
	}
	load, _ := os.ReadFile("/proc/loadavg") // only for the reader
	return fmt.Sprintf("Measured on %s with %s, %d × %s, Linux; load average at the end %s.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), model, strings.Join(strings.Fields(string(load))[:1], ""))
}
