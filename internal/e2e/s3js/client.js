// One server, seen through the SDK with its defaults. Endpoint, credentials and certificates come from the environment.

import assert from "node:assert/strict";
import { S3Client, CreateBucketCommand, GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";

export const MIB = 1 << 20;
export const s3 = new S3Client({ forcePathStyle: true });

let buckets = 0;

/** A new bucket. */
export async function bucket() {
  const Bucket = `case-${process.pid}-${++buckets}`;
  await s3.send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

export const put = (Bucket, Key, Body, more) => s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

/** key must have this content. The SDK checks what it reads against the checksum that the server keeps. */
export async function holds(Bucket, Key, want, more) {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  const got = await answer.Body.transformToByteArray();
  assert.ok(Buffer.from(want).equals(got), `${Key} holds ${got.length} bytes, not the ${want.length} that were stored`);
  return answer;
}

/** What is promised must be refused with this code of S3. */
export async function refused(code, promise) {
  const error = await promise.then(() => assert.fail(`was not refused with ${code}`), (error) => error);
  assert.equal(error.name, code, error.message);
  return error;
}

/** size bytes that do not repeat at part boundaries. */
export function pattern(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = i * 131 + (i >> 8) * 17 + (i >> 16) * 29;
  return bytes;
}
