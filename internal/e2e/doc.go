// Package e2e tests the server from outside: the real program, started as a process, spoken to by the clients that people
// use. setup.sh installs those; a test whose program is missing fails where CI=true is set, and is skipped elsewhere.
package e2e
