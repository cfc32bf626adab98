package collectionmodel

// Configs is the configurations that are explored on every change. Together they cover the protocol; each is bounded to what it is about.
func Configs() []Config {
	return []Config{
		{
			Name: "pushers",
			Covers: "two clients that push either of two digests, by upload or by HEAD and skip, and put and delete manifests; " +
				"the collector; deduplication; a power loss at any time, with any lost tail of commits, unsynced bytes and unsynced removals",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Push, Digests: 3}, {Program: Push, Digests: 3}},
			Contents: 3, Locations: 4, Losses: 1, SameClients: true, SameDigests: true,
		},
		{
			Name: "manifests",
			Covers: "manifests of two blobs in one transaction, one of them inline; beside it objects of the same bytes, one of them inline " +
				"without a content until somebody needs one; a power loss",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Push, Digests: 3, All: true}, {Program: Put, Digests: 3}},
			Contents: 3, Locations: 3, Inline: 2, Losses: 1,
		},
		{
			Name: "fencing",
			Covers: "two processes that store the same bytes and both collect and sweep; either is fenced though it lives and goes on with all " +
				"that it had decided; commits of unknown outcome that come late or never",
			Processes: 2, Janitors: 2,
			Clients:  []Client{{Program: Put, Digests: 1}, {Program: Put, Process: 1, Digests: 1}},
			Contents: 2, Locations: 3, Fencing: true, Ambiguous: true,
		},
		{
			Name:      "crashes",
			Covers:    "two processes of which one crashes at any step and starts again with a new epoch; commits of unknown outcome",
			Processes: 2, Janitors: 1,
			Clients:  []Client{{Program: Put, Digests: 1}, {Program: Put, Process: 1, Digests: 1}},
			Contents: 2, Locations: 4, Crashes: 1, Ambiguous: true,
		},
		{
			Name: "late digests",
			Covers: "a multipart upload beside a push of the same bytes: the digest known at completion or later, the alias and its elder, " +
				"part rows cleared before or after the content has gone",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Multipart, Digests: 1}, {Program: Push, Digests: 1}},
			Contents: 3, Locations: 4,
		},
		{
			Name:      "late digests, power loss",
			Covers:    "the same with a power loss, within tighter bounds",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Multipart, Digests: 1}, {Program: Push, Digests: 1}},
			Contents: 2, Locations: 2, Losses: 1,
		},
		{
			Name:      "roaming",
			Covers:    "a multipart upload whose requests go to either of two processes; fencing of the one that wrote a part; a crash",
			Processes: 2, Janitors: 1,
			Clients:  []Client{{Program: Multipart, Digests: 1, Roams: true}},
			Contents: 2, Locations: 2, Crashes: 1, Fencing: true,
		},
		{
			Name: "long readers",
			Covers: "two readers of one process, young and long, while their content is deleted, collected and stored again; " +
				"the registration is published late, lapses and is renewed",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Put, Digests: 1}},
			Readers:  []int{0, 0},
			Contents: 2, Locations: 3,
		},
		{
			Name:      "remote readers",
			Covers:    "a reader of one process while another collects and sweeps, and fences the reader's process",
			Processes: 2, Janitors: 1,
			Clients:  []Client{{Program: Put, Process: 1, Digests: 1}},
			Readers:  []int{1},
			Contents: 2, Locations: 3, Fencing: true,
		},
		{
			Name:      "readers of aliases",
			Covers:    "a reader of a multipart content while it becomes an alias and its own bytes go to the trash",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Multipart, Digests: 1}, {Program: Put, Digests: 1}},
			Readers:  []int{0},
			Contents: 2, Locations: 2,
		},
		{
			Name:      "starts",
			Covers:    "starts, power losses and starts again: epochs that are durable before the first write",
			Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Put, Digests: 1}},
			Contents: 2, Locations: 3, Losses: 2, Down: true,
		},
	}
}

// Nightly is larger configurations: minutes, and gigabytes.
func Nightly() []Config {
	two := []Client{{Program: Put, Digests: 1}, {Program: Put, Process: 1, Digests: 1}}
	push := Client{Program: Push, Digests: 1}
	multipart := Client{Program: Multipart, Digests: 1}
	return []Config{
		{
			Name: "pushers, twice", Covers: "pushers with two power losses and commits of unknown outcome",
			Processes: 1, Janitors: 1, Clients: []Client{{Program: Push, Digests: 3}, {Program: Push, Digests: 3}},
			Contents: 3, Locations: 4, Losses: 2, Ambiguous: true, SameClients: true, SameDigests: true,
		},
		{
			Name: "manifests, wider", Covers: "manifests within wider bounds and with unknown outcomes", Processes: 1, Janitors: 1,
			Clients:  []Client{{Program: Push, Digests: 3, All: true}, {Program: Put, Digests: 3}},
			Contents: 4, Locations: 4, Inline: 2, Losses: 1, Ambiguous: true,
		},
		{
			Name: "fencing and crashes", Covers: "fencing of live processes, a crash, unknown outcomes, all at once",
			Processes: 2, Janitors: 2, Clients: two, Contents: 2, Locations: 4, Crashes: 1, Fencing: true, Ambiguous: true,
		},
		{
			Name: "late digests, wider", Covers: "late digests with a power loss within wider bounds",
			Processes: 1, Janitors: 1, Clients: []Client{multipart, push}, Contents: 3, Locations: 3, Losses: 1,
		},
		{
			Name: "two multiparts", Covers: "two multipart uploads of the same bytes and a power loss",
			Processes: 1, Janitors: 1, Clients: []Client{multipart, multipart}, Contents: 3, Locations: 3, Losses: 1, SameClients: true,
		},
		{
			Name: "parts", Covers: "an upload of two parts beside a push",
			Processes: 1, Janitors: 1, Clients: []Client{multipart, push}, Contents: 3, Locations: 4, Parts: 2,
		},
		{
			Name: "roaming, wider", Covers: "roaming beside a put on the other process, both collecting",
			Processes: 2, Janitors: 2, Clients: []Client{{Program: Multipart, Digests: 1, Roams: true}, {Program: Put, Process: 1, Digests: 1}},
			Contents: 2, Locations: 3, Fencing: true,
		},
		{
			Name: "readers everywhere", Covers: "readers of two processes while either is fenced",
			Processes: 2, Janitors: 1, Clients: two[:1], Readers: []int{0, 1}, Contents: 2, Locations: 3, Fencing: true,
		},
		{
			Name: "readers and power loss", Covers: "a reader, removals that were not synced, a power loss",
			Processes: 1, Janitors: 1, Clients: []Client{{Program: Put, Digests: 1}}, Readers: []int{0}, Contents: 2, Locations: 3, Losses: 1,
		},
	}
}
