// Package client is the Go client of a zas server, and of other servers that speak S3.
//
//	c, err := client.New(client.Config{Server: "https://zas.example.com", Credentials: client.KeyPair{AccessKey: id, SecretKey: secret}})
//	o, err := c.UploadFile(ctx, client.At("models", "a.bin"), "a.bin", client.UploadOptions{State: "a.bin.upload"})
//	o, err = c.DownloadFile(ctx, client.At("models", "a.bin"), "copy.bin", client.DownloadOptions{})
//
// Large objects move in parts, several at a time. Whole objects are compared with the SHA-256 that the server tells, in both
// directions, and each part of an upload with a checksum as it arrives. What breaks off goes on where it was: within a call by itself, after
// a crash of the program by its state file.
//
// Failures are *Error, which is the fault that the server's error reference names: errors.Is(err, fault.KeyNotFound). Requests that
// may succeed later are sent again. Each write has an idempotency key, by which the server knows it again, so that a write is never done twice and a
// conditional write whose answer was lost is not taken for one that failed.
//
// A Client is safe for use by many goroutines, and so is everything else here but Reader's Read and Seek.
package client
