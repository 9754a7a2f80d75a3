//! An Azure Blob service as its documentation describes it where the emulator differs.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Response};
use http_body_util::Full;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::http_stub::{Responder, accept, decode, parameter};

/// One container in memory. It checks no signatures and knows only what uploads in blocks and single blobs need.
///
/// Unlike the emulator, it follows the documentation in these points:
/// - The dots at the end of each segment of a name are dropped.
/// - Put Block refuses an empty block with 400 `InvalidHeaderValue`.
#[derive(Debug)]
pub struct AzureStub {
    address: SocketAddr,
    container: Arc<Mutex<Container>>,
    /// Aborts all connections when dropped.
    _connections: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Container {
    blobs: BTreeMap<String, Blob>,
    uncommitted: BTreeMap<String, Vec<(String, Bytes)>>,
    /// Increases with each write, for entity tags.
    writes: u64,
    block_lists: BlockLists,
}

/// What Get Block List returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BlockLists {
    /// All blocks, as documented.
    #[default]
    All,
    /// Only committed blocks, as servers do that lack the other list.
    Committed,
    /// 403, as for a SAS that may write, but not read.
    Denied,
}

#[derive(Debug)]
struct Blob {
    content: Bytes,
    etag: String,
    blocks: Vec<(String, usize)>,
}

impl AzureStub {
    /// Starts an empty container on a free port of `127.0.0.1`.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let container = Arc::<Mutex<Container>>::default();
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, Arc::clone(&container)));
        Ok(Self { address, container, _connections: connections })
    }

    /// The URL of the service, such as `http://127.0.0.1:40000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what Get Block List returns from now on.
    pub fn set_block_lists(&self, block_lists: BlockLists) {
        self.container.lock().block_lists = block_lists;
    }

    /// The names of all blobs.
    pub fn names(&self) -> Vec<String> {
        self.container.lock().blobs.keys().cloned().collect()
    }

    /// The number of uncommitted blocks.
    pub fn uncommitted(&self) -> usize {
        self.container.lock().uncommitted.values().map(Vec::len).sum()
    }
}

impl Responder for Mutex<Container> {
    fn respond(&self, head: &Parts, body: Bytes) -> Response<Full<Bytes>> {
        let path = decode(head.uri.path());
        self.lock().answer(&head.method, &path, head.uri.query().unwrap_or_default(), &head.headers, body)
    }
}

impl Container {
    fn answer(
        &mut self,
        method: &Method,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Response<Full<Bytes>> {
        // The path is /account/container/name.
        let Some(name) = path.splitn(4, '/').nth(3).filter(|name| !name.is_empty()) else {
            return answer(200, &[], Bytes::new());
        };
        let segments: Vec<&str> = name.split('/').map(|segment| segment.trim_end_matches('.')).collect();
        let name = segments.join("/");
        let comp = parameter(query, "comp").unwrap_or_default();
        match (method.as_str(), comp.as_str()) {
            ("PUT", "block") if body.is_empty() => error(400, "InvalidHeaderValue"),
            ("PUT", "block") => {
                let id = parameter(query, "blockid").unwrap_or_default();
                let blocks = self.uncommitted.entry(name).or_default();
                blocks.retain(|(known, _)| *known != id);
                blocks.push((id, body));
                answer(201, &[], Bytes::new())
            }
            ("PUT", "blocklist") => self.commit(name, headers, &body),
            ("PUT", "") => self.write(name, headers, body, Vec::new()),
            ("GET", "blocklist") => self.block_list(&name),
            ("DELETE", "") => match self.blobs.remove(&name) {
                Some(_) => answer(202, &[], Bytes::new()),
                None => error(404, "BlobNotFound"),
            },
            ("GET" | "HEAD", "") => match self.blobs.get(&name) {
                Some(blob) => {
                    // The response to a HEAD would lack the length otherwise.
                    let length = blob.content.len().to_string();
                    answer(200, &[("etag", &blob.etag), ("content-length", &length)], blob.content.clone())
                }
                None => error(404, "BlobNotFound"),
            },
            _ => error(405, "UnsupportedHttpVerb"),
        }
    }

    fn commit(&mut self, name: String, headers: &HeaderMap, body: &Bytes) -> Response<Full<Bytes>> {
        let document = String::from_utf8_lossy(body);
        let ids: Vec<&str> =
            document.split("<Uncommitted>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
        let known = self.uncommitted.get(&name).map_or(&[][..], Vec::as_slice);
        let mut content = Vec::new();
        let mut blocks = Vec::new();
        for id in ids {
            let Some((_, block)) = known.iter().find(|(known, _)| known == id) else {
                return error(400, "InvalidBlockList");
            };
            content.extend_from_slice(block);
            blocks.push((id.to_owned(), block.len()));
        }
        self.write(name, headers, content.into(), blocks)
    }

    fn write(
        &mut self,
        name: String,
        headers: &HeaderMap,
        content: Bytes,
        blocks: Vec<(String, usize)>,
    ) -> Response<Full<Bytes>> {
        if headers.contains_key("if-none-match") && self.blobs.contains_key(&name) {
            return error(409, "BlobAlreadyExists");
        }
        self.writes += 1;
        let etag = format!("\"0x{:016X}\"", self.writes);
        self.uncommitted.remove(&name);
        self.blobs.insert(name, Blob { content, etag: etag.clone(), blocks });
        answer(201, &[("etag", &etag)], Bytes::new())
    }

    fn block_list(&self, name: &str) -> Response<Full<Bytes>> {
        let uncommitted = match self.block_lists {
            BlockLists::All => self.uncommitted.get(name),
            BlockLists::Committed => None,
            BlockLists::Denied => return error(403, "AuthorizationPermissionMismatch"),
        };
        let blob = self.blobs.get(name);
        if uncommitted.is_none() && blob.is_none() {
            return error(404, "BlobNotFound");
        }
        let block =
            |(id, size): (&str, usize)| format!("<Block><Name>{id}</Name><Size>{size}</Size></Block>");
        let committed: Vec<_> =
            blob.iter().flat_map(|blob| &blob.blocks).map(|(id, size)| block((id, *size))).collect();
        let uncommitted: Vec<_> =
            uncommitted.into_iter().flatten().map(|(id, content)| block((id, content.len()))).collect();
        let document = format!(
            "<?xml version=\"1.0\"?><BlockList><CommittedBlocks>{}</CommittedBlocks>\
             <UncommittedBlocks>{}</UncommittedBlocks></BlockList>",
            committed.concat(),
            uncommitted.concat()
        );
        answer(200, &[], document.into())
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status).header("x-ms-request-id", "1");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(body)).unwrap_or_default()
}

fn error(status: u16, code: &str) -> Response<Full<Bytes>> {
    let document = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    answer(status, &[("x-ms-error-code", code)], document.into())
}
