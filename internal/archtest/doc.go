// Package archtest is the architecture as tests: which package may import which, how large things may become, what must
// be documented, and what is not done here. A rule that has to give way gives way by a line with a reason.
package archtest
