package collectionmodel

// reader takes the steps of reader i: it registers in its process's memory before its View, reads what the View found, and leaves.
// Reading is no step: while it reads, its bytes must be there (Check).
func (w *walker) reader(i int) {
	rd := w.s.readers[i]
	switch rd.at {
	case notReading:
		if w.s.processes[w.config.Readers[i]].reading {
			if w.is(RegisterAfterView) {
				w.view(i, unregisteredView)
			} else {
				w.setReader(i, reader{at: registeredReader}, doReadRegister, 0)
			}
		}
	case unregisteredView:
		w.setReader(i, reader{at: viewing, locs: rd.locs}, doReadRegister, 0)
	case registeredReader:
		w.view(i, viewing)
		w.setReader(i, reader{}, doReadDone, 0)
	case viewing:
		w.setReader(i, reader{at: pinned, locs: rd.locs}, doReadPin, 0)
		w.setReader(i, reader{}, doReadDone, 0)
	case pinned:
		w.setReader(i, reader{}, doReadDone, 0)
	}
}

func (w *walker) setReader(i int, rd reader, did action, object uint8) {
	n := w.from()
	n.readers[i] = rd
	w.emit(did, uint8(i), object, 0)
}

// view is reader i's View: it finds the locations of some content. It returns once what it saw is durable.
func (w *walker) view(i int, then readerAt) {
	for c := 1; c <= w.config.Contents; c++ {
		row := &w.s.visible.contents[c]
		if row.kind <= upload || row.locs == 0 || w.s.durable.contents[c].locs != row.locs {
			continue
		}
		w.setReader(i, reader{at: then, locs: row.locs, older: w.s.readers[i].older}, doReadView, uint8(row.locs))
	}
}

// publish takes process p's publication of its oldest reader, computed from memory at one time and committed at another. A reader
// that registers in between has its View later still, and sees nothing that was trashed before.
func (w *walker) publish(p int) {
	g, memory := &w.s.visible.registered[p], &w.s.processes[p]
	if !g.present || !memory.reading {
		return
	}
	if memory.computed {
		w.commitPublication(p)
		return
	}
	var older, pins set
	for i, home := range w.config.Readers {
		if rd := &w.s.readers[i]; home == p && rd.at == pinned {
			pins |= rd.locs
		} else if home == p {
			older |= rd.older
		}
	}
	passed := w.s.visible.trash &^ older
	if passed&g.behind == 0 && pins == g.pins {
		return // nothing new to publish
	}
	n := w.from()
	n.processes[p].computed, n.processes[p].passed, n.processes[p].pins = true, passed, pins
	w.emit(doCompute, uint8(p), 0, 0)
}

func (w *walker) commitPublication(p int) {
	n := w.from()
	g, memory := &n.visible.registered[p], &n.processes[p]
	passed, did := memory.passed, doPublish
	memory.passed = 0
	switch {
	case w.is(PinsAfterOldest) && passed != 0:
		g.behind &^= passed
		n.commit()
	default:
		g.behind &^= passed
		g.pins = memory.pins
		memory.computed, memory.pins = false, 0
		n.commit()
	}
	w.emit(did, uint8(p), 0, 0)
}

// registration takes the steps of a process that cannot renew its registration: it stops its readers, by its own clock, before
// others may take the registration for lapsed. Later it may register again.
func (w *walker) registration(p int) {
	memory := &w.s.processes[p]
	if memory.reading {
		n := w.from()
		n.processes[p].reading = false
		n.processes[p].computed, n.processes[p].passed, n.processes[p].pins = false, 0, 0
		for i, home := range w.config.Readers {
			if home == p {
				n.readers[i] = reader{}
			}
		}
		w.emit(doStopReading, uint8(p), 0, 0)
	}
	w.lapse(p)
	if !memory.reading && !w.s.visible.registered[p].present && !w.s.frozen {
		n := w.from()
		n.visible.registered[p] = registration{present: true}
		n.processes[p].reading = true
		n.commit()
		w.emit(doRenew, uint8(p), 0, 0)
	}
}

// lapse is the time after which process p's registration counts for nothing.
func (w *walker) lapse(p int) {
	if !w.s.visible.registered[p].present || w.s.processes[p].reading && !w.is(LapseWhileReading) {
		return
	}
	n := w.from()
	n.visible.registered[p], n.durable.registered[p] = registration{}, registration{}
	w.emit(doLapse, uint8(p), 0, 0)
}
