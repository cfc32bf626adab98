package awssdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"
)

func TestAnObjectComesBackWithItsMetadata(t *testing.T) {
	s := start(t)
	bucket, body := s.bucket(), pattern(70000)
	key := "dir/a key+ä&?#"
	must(s, func() (*s3.PutObjectOutput, error) {
		return s.s3.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: bucket, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("text/x-one"),
			CacheControl: aws.String("no-store"), ContentDisposition: aws.String(`attachment; filename="x"`),
			Metadata: map[string]string{"colour": "blue"},
		})
	})
	o := must(s, func() (*s3.HeadObjectOutput, error) {
		return s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key})
	})
	got := []string{aws.ToString(o.ContentType), aws.ToString(o.CacheControl), aws.ToString(o.ContentDisposition), o.Metadata["colour"]}
	if diff := cmp.Diff([]string{"text/x-one", "no-store", `attachment; filename="x"`, "blue"}, got); diff != "" {
		t.Error(diff)
	}
	s.holds(bucket, key, body)
}

// Without a wish the SDK sends CRC32.
func TestEveryChecksumIsKept(t *testing.T) {
	s := start(t)
	bucket, body := s.bucket(), pattern(mib+3)
	for _, algorithm := range []types.ChecksumAlgorithm{"", "CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"} {
		key := "key" + string(algorithm)
		must(s, func() (*s3.PutObjectOutput, error) {
			return s.s3.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: bucket, Key: &key, Body: bytes.NewReader(body), ChecksumAlgorithm: algorithm,
			})
		})
		o := must(s, func() (*s3.HeadObjectOutput, error) {
			return s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		})
		kept := map[types.ChecksumAlgorithm]*string{
			"": o.ChecksumCRC32, "CRC32": o.ChecksumCRC32, "CRC32C": o.ChecksumCRC32C, "CRC64NVME": o.ChecksumCRC64NVME,
			"SHA1": o.ChecksumSHA1, "SHA256": o.ChecksumSHA256,
		}[algorithm]
		if kept == nil || o.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%q: no checksum of the whole (%s)", algorithm, o.ChecksumType)
		}
		s.holds(bucket, key, body)
	}
}

// A body that cannot be read twice is sent in chunks with a trailer, which the SDK does over https only.
func TestAStreamThatCannotBeReadTwice(t *testing.T) {
	s := start(t)
	bucket, body := s.bucket(), pattern(2*mib+3)
	in := &s3.PutObjectInput{Bucket: bucket, Key: aws.String("key"), Body: stream{bytes.NewReader(body)}, ContentLength: aws.Int64(int64(len(body)))}
	_, err := s.s3.PutObject(t.Context(), in)
	if !s.secure {
		if err == nil {
			t.Error("the SDK sent it over http")
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s.holds(bucket, "key", body)
	o := must(s, func() (*s3.HeadObjectOutput, error) {
		return s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("key")})
	})
	if o.ContentEncoding != nil {
		t.Errorf("it is encoded as %q", *o.ContentEncoding)
	}
}

func TestAWrongChecksumIsRefused(t *testing.T) {
	s := start(t)
	bucket := s.bucket()
	_, err := s.s3.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: bucket, Key: aws.String("key"), Body: strings.NewReader("content"), ChecksumCRC32: aws.String("AAAAAA=="),
	})
	s.refused(err, "BadDigest")
	_, err = s.s3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("key")})
	s.refused(err, "NotFound")
}

func TestRanges(t *testing.T) {
	s := start(t)
	bucket, body := s.bucket(), pattern(1000)
	s.put(bucket, "key", body)
	for text, want := range map[string][]byte{"bytes=0-9": body[:10], "bytes=990-": body[990:], "bytes=-5": body[995:]} {
		o := must(s, func() (*s3.GetObjectOutput, error) {
			return s.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("key"), Range: &text})
		})
		if got, err := io.ReadAll(o.Body); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v (%v)", text, got, err)
		}
	}
	_, err := s.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("key"), Range: aws.String("bytes=1000-")})
	s.refused(err, "InvalidRange")
}

func TestListingByPagesAndByFolders(t *testing.T) {
	s := start(t)
	bucket := s.bucket()
	var want []string
	for n := range 25 {
		want = append(want, fmt.Sprintf("dir%d/key %02d", n/10, n))
		s.put(bucket, want[n], nil)
	}
	var got []string
	pages := s3.NewListObjectsV2Paginator(s.s3, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(7)})
	for pages.HasMorePages() {
		page := must(s, func() (*s3.ListObjectsV2Output, error) { return pages.NextPage(t.Context()) })
		for _, o := range page.Contents {
			got = append(got, *o.Key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	o := must(s, func() (*s3.ListObjectsV2Output, error) {
		return s.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/")})
	})
	if len(o.CommonPrefixes) != 3 || *o.CommonPrefixes[2].Prefix != "dir2/" || len(o.Contents) != 0 {
		t.Errorf("folders are %v", o.CommonPrefixes)
	}
}

func TestCopyingAndDeleting(t *testing.T) {
	s := start(t)
	bucket, body := s.bucket(), pattern(70000)
	s.put(bucket, "dir/source +1", body)
	must(s, func() (*s3.CopyObjectOutput, error) {
		return s.s3.CopyObject(t.Context(), &s3.CopyObjectInput{
			Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(*bucket + "/dir/source%20%2B1"),
			MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"colour": "blue"},
		})
	})
	s.holds(bucket, "copy", body)
	o := must(s, func() (*s3.DeleteObjectsOutput, error) {
		return s.s3.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{
			Objects: []types.ObjectIdentifier{{Key: aws.String("copy")}, {Key: aws.String("dir/source +1")}, {Key: aws.String("absent")}},
		}})
	})
	if len(o.Deleted) != 3 || len(o.Errors) != 0 {
		t.Errorf("deleted %d, errors %v", len(o.Deleted), o.Errors)
	}
	must(s, func() (*s3.DeleteBucketOutput, error) {
		return s.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket})
	})
}

func TestConditionalWrites(t *testing.T) {
	s := start(t)
	bucket := s.bucket()
	put := func(body string, condition func(*s3.PutObjectInput)) (*s3.PutObjectOutput, error) {
		in := &s3.PutObjectInput{Bucket: bucket, Key: aws.String("key"), Body: strings.NewReader(body)}
		condition(in)
		return s.s3.PutObject(t.Context(), in)
	}
	absent := func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("*") }
	first := must(s, func() (*s3.PutObjectOutput, error) { return put("one", absent) })
	_, err := put("two", absent)
	s.refused(err, "PreconditionFailed")
	unchanged := func(in *s3.PutObjectInput) { in.IfMatch = first.ETag }
	must(s, func() (*s3.PutObjectOutput, error) { return put("two", unchanged) })
	_, err = put("three", unchanged)
	s.refused(err, "PreconditionFailed")
	s.holds(bucket, "key", []byte("two"))
}

func TestErrorsHaveTheirTypes(t *testing.T) {
	s := start(t)
	bucket := s.bucket()
	_, err := s.s3.GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: aws.String("absent")})
	if noKey := (*types.NoSuchKey)(nil); !errors.As(err, &noKey) {
		t.Errorf("got %v", err)
	}
	_, err = s.s3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String("no-such-bucket")})
	if noBucket := (*types.NoSuchBucket)(nil); !errors.As(err, &noBucket) {
		t.Errorf("got %v", err)
	}
	_, err = s.s3.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("Not_A_Name")})
	s.refused(err, "InvalidBucketName")
	_, err = s.s3.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket})
	if err != nil {
		t.Error(err)
	}
	if err := s3.NewBucketExistsWaiter(s.s3).Wait(t.Context(), &s3.HeadBucketInput{Bucket: s.bucket()}, 1e9); err != nil {
		t.Error(err)
	}
}
