package awssdk

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// stream is a body of unknown size, which the transfer manager cuts into parts.
type stream struct{ io.Reader }

func TestTheTransferManagerMovesALargeObject(t *testing.T) {
	s := start(t)
	m := transfermanager.New(s.s3, func(o *transfermanager.Options) { o.PartSizeBytes, o.MultipartUploadThreshold = 5*mib, 5*mib })
	bucket, body := s.bucket(), pattern(23*mib+5)
	up := must(s, func() (*transfermanager.UploadObjectOutput, error) {
		return m.UploadObject(t.Context(), &transfermanager.UploadObjectInput{
			Bucket: bucket, Key: aws.String("key"), Body: stream{bytes.NewReader(body)}, Metadata: map[string]string{"colour": "blue"},
		})
	})
	if up.UploadID == nil {
		t.Error("it was not uploaded in parts")
	}
	o := must(s, func() (*s3.HeadObjectOutput, error) {
		return s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("key"), ChecksumMode: types.ChecksumModeEnabled})
	})
	if *o.ContentLength != int64(len(body)) || o.Metadata["colour"] != "blue" || o.ChecksumCRC32 == nil {
		t.Errorf("HEAD answers %+v", o)
	}

	file, err := os.Create(filepath.Join(t.TempDir(), "down"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	must(s, func() (*transfermanager.DownloadObjectOutput, error) {
		return m.DownloadObject(t.Context(), &transfermanager.DownloadObjectInput{Bucket: bucket, Key: aws.String("key"), WriterAt: file})
	})
	if got, err := os.ReadFile(file.Name()); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came down (%v)", len(got), err)
	}
	reader := must(s, func() (*transfermanager.GetObjectOutput, error) {
		return m.GetObject(t.Context(), &transfermanager.GetObjectInput{Bucket: bucket, Key: aws.String("key")})
	})
	if got, err := io.ReadAll(reader.Body); err != nil || !bytes.Equal(got, body) {
		t.Errorf("%d bytes came down (%v)", len(got), err)
	}
}

func TestTheTransferManagerMovesADirectory(t *testing.T) {
	s := start(t)
	m := transfermanager.New(s.s3)
	bucket, folder := s.bucket(), t.TempDir()
	for name, content := range map[string]string{"a": "1", "b/c": "2", "b/d e+&": "3"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must(s, func() (*transfermanager.UploadDirectoryOutput, error) {
		return m.UploadDirectory(t.Context(), &transfermanager.UploadDirectoryInput{
			Bucket: bucket, Source: &folder, Recursive: aws.Bool(true), KeyPrefix: aws.String("tree"),
		})
	})
	s.holds(bucket, "tree/b/d e+&", []byte("3"))
	back := t.TempDir()
	must(s, func() (*transfermanager.DownloadDirectoryOutput, error) {
		return m.DownloadDirectory(t.Context(), &transfermanager.DownloadDirectoryInput{
			Bucket: bucket, Destination: &back, KeyPrefix: aws.String("tree"),
		})
	})
	if got, err := os.ReadFile(filepath.Join(back, "b/c")); err != nil || string(got) != "2" {
		t.Errorf("b/c holds %q (%v)", got, err)
	}
}

func TestPartsByHand(t *testing.T) {
	s := start(t)
	bucket, key, bodies := s.bucket(), aws.String("key"), [][]byte{pattern(5 * mib), pattern(100)}
	upload := must(s, func() (*s3.CreateMultipartUploadOutput, error) {
		return s.s3.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: bucket, Key: key})
	})
	var parts []types.CompletedPart
	for n, body := range bodies {
		number := aws.Int32(int32(n + 1))
		o := must(s, func() (*s3.UploadPartOutput, error) {
			return s.s3.UploadPart(t.Context(), &s3.UploadPartInput{
				Bucket: bucket, Key: key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(body),
			})
		})
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: o.ETag, ChecksumCRC32: o.ChecksumCRC32})
	}
	complete := func(parts ...types.CompletedPart) (*s3.CompleteMultipartUploadOutput, error) {
		return s.s3.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
			Bucket: bucket, Key: key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
	}
	_, err := complete(parts[1], parts[0])
	s.refused(err, "InvalidPartOrder")
	must(s, func() (*s3.CompleteMultipartUploadOutput, error) { return complete(parts...) })
	s.holds(bucket, *key, bytes.Join(bodies, nil))
	one := must(s, func() (*s3.GetObjectOutput, error) {
		return s.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key, PartNumber: aws.Int32(2)})
	})
	if got, err := io.ReadAll(one.Body); err != nil || !bytes.Equal(got, bodies[1]) || *one.PartsCount != 2 {
		t.Errorf("part 2 of %d holds %d bytes (%v)", *one.PartsCount, len(got), err)
	}
	_, err = s.s3.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{Bucket: bucket, Key: key, UploadId: aws.String("made-up")})
	s.refused(err, "NoSuchUpload")
}
