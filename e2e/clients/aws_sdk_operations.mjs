// @aws-sdk/client-s3 v3, installed in BUCKETRY_TEST_NODE_MODULES.
import { createRequire } from "node:module";
import assert from "node:assert/strict";

const require = createRequire(process.env.BUCKETRY_TEST_NODE_MODULES + "/");
const s3sdk = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { createPresignedPost } = require("@aws-sdk/s3-presigned-post");

const { MATRIX_ENDPOINT, MATRIX_KEY, MATRIX_SECRET, MATRIX_BUCKET: Bucket, MATRIX_PREFIX } = process.env;
const client = new s3sdk.S3Client({
  endpoint: MATRIX_ENDPOINT, region: "us-east-1", forcePathStyle: true, maxAttempts: 2,
  credentials: { accessKeyId: MATRIX_KEY, secretAccessKey: MATRIX_SECRET },
});
const key = (name) => `${MATRIX_PREFIX}/${name}`;
const send = (name, input) => client.send(new s3sdk[`${name}Command`]({ Bucket, ...input }));
const body = async (name) => Buffer.from(await (await send("GetObject", { Key: key(name) })).Body.transformToByteArray());
const small = Buffer.from("first light\n".repeat(50));
const large = Buffer.alloc(11 * 1024 * 1024 + 5, "large content ");
const odd = "with space/plus+and%25/é中 😀/a=b&c.txt";
const refused = async (name, promise) => assert.equal((await promise.then(() => ({}), (error) => error)).name, name);

const operations = {
  async list_buckets() {
    const { Buckets } = await client.send(new s3sdk.ListBucketsCommand({}));
    assert(Buckets.some((bucket) => bucket.Name === Bucket));
  },
  async head_bucket() { await send("HeadBucket"); },
  async put_object() {
    await send("PutObject", { Key: key("small"), Body: small, ContentType: "text/x-matrix", Metadata: { color: "blue" } });
  },
  async get_object() { assert.deepEqual(await body("small"), small); },
  async head_object() {
    const told = await send("HeadObject", { Key: key("small") });
    assert.deepEqual([told.ContentLength, told.ContentType, told.Metadata], [small.length, "text/x-matrix", { color: "blue" }]);
  },
  async get_range() {
    const told = await send("GetObject", { Key: key("small"), Range: "bytes=2-6" });
    assert.equal(await told.Body.transformToString(), small.subarray(2, 7).toString());
  },
  async odd_key() {
    await send("PutObject", { Key: key(odd), Body: "odd" });
    assert.equal((await body(odd)).toString(), "odd");
    const told = await send("ListObjectsV2", { Prefix: key("with") });
    assert.deepEqual(told.Contents.map((item) => item.Key), [key(odd)]);
  },
  async put_stream() {
    const { Readable } = await import("node:stream");
    await send("PutObject", { Key: key("stream"), Body: Readable.from([small]), ContentLength: small.length });
    assert.deepEqual(await body("stream"), small);
  },
  async multipart_upload() {
    await new Upload({ client, params: { Bucket, Key: key("large"), Body: large }, partSize: 5 * 1024 * 1024, queueSize: 2 }).done();
  },
  async multipart_download() { assert((await body("large")).equals(large)); },
  async copy_object() {
    await send("CopyObject", { Key: key("copy"), CopySource: `${Bucket}/${key("small")}` });
    assert.deepEqual(await body("copy"), small);
  },
  async object_tagging() {
    const which = { Key: key("tagged") };
    const tags = async () => (await send("GetObjectTagging", which)).TagSet;
    await send("PutObject", { ...which, Body: small });
    assert.deepEqual(await tags(), []);
    await send("PutObjectTagging", { ...which, Tagging: { TagSet: [{ Key: "b", Value: "2" }] } });
    assert.deepEqual(await tags(), [{ Key: "b", Value: "2" }]);
    await send("DeleteObjectTagging", which);
    assert.deepEqual(await tags(), []);
  },
  async list_objects() {
    for (const name of ["l/a", "l/b/1", "l/c"]) await send("PutObject", { Key: key(name), Body: "x" });
    const told = await send("ListObjectsV2", { Prefix: key("l/"), Delimiter: "/" });
    assert.deepEqual(told.Contents.map((item) => item.Key), [key("l/a"), key("l/c")]);
    assert.deepEqual(told.CommonPrefixes.map((item) => item.Prefix), [key("l/b/")]);
  },
  async list_pages() {
    const names = [];
    for await (const page of s3sdk.paginateListObjectsV2({ client, pageSize: 1 }, { Bucket, Prefix: key("l/") }))
      names.push(...(page.Contents ?? []).map((item) => item.Key));
    assert.deepEqual(names, [key("l/a"), key("l/b/1"), key("l/c")]);
  },
  async presigned_post() {
    const Conditions = [["content-length-range", 1, small.length], ["starts-with", "$Content-Type", "image/"]];
    const { url, fields } = await createPresignedPost(client, {
      Bucket, Key: key("posted"), Conditions, Fields: { "Content-Type": "image/jpeg" }, Expires: 60,
    });
    const post = async (content, added = {}) => {
      const form = new FormData();
      for (const [name, value] of Object.entries({ ...fields, ...added })) form.append(name, value);
      form.append("file", new Blob([content]), "cat.jpg");
      const response = await fetch(url, { method: "POST", body: form });
      return [response.status, (await response.text()).match(/<Code>(\w+)/)?.[1]];
    };
    assert.deepEqual(await post(small), [204, undefined]);
    assert.deepEqual(await body("posted"), small);
    assert.deepEqual(await post(Buffer.concat([small, small])), [400, "EntityTooLarge"]);
    assert.deepEqual(await post(small, { "x-amz-meta-a": "1" }), [403, "AccessDenied"]);
  },
  async missing_object() { await refused("NoSuchKey", send("GetObject", { Key: key("none") })); },
  async delete_object() {
    await send("DeleteObject", { Key: key("copy") });
    await refused("NotFound", send("HeadObject", { Key: key("copy") }));
  },
  async delete_objects() {
    const Objects = ["l/a", "l/b/1", "l/c"].map((name) => ({ Key: key(name) }));
    const told = await send("DeleteObjects", { Delete: { Objects } });
    assert.equal(told.Deleted.length, 3);
  },
};

const told = {};
for (const [name, operation] of Object.entries(operations)) {
  try {
    await operation();
    told[name] = "ok";
  } catch (error) {
    told[name] = `${error.name}: ${error.message}`.replace(/\s+/g, " ").slice(0, 400);
  }
}
process.stdout.write(JSON.stringify(told));
