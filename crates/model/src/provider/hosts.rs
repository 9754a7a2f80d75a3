//! The hosts of known providers. To support another provider, add a line here instead of a branch elsewhere.

use crate::provider::{Addressing, Provider};

/// What follows from a host name.
pub(super) struct HostRule {
    pub(super) provider: Provider,
    /// The last labels of the host. `*` matches any label, `{region}` matches the region. Other labels may precede
    /// them.
    pub(super) host: &'static str,
    /// The region to sign for, if the provider uses the same one everywhere and the host doesn't contain it.
    pub(super) region: Option<&'static str>,
    pub(super) addressing: Addressing,
}

const fn path(provider: Provider, host: &'static str) -> HostRule {
    HostRule { provider, host, region: None, addressing: Addressing::Path }
}

const fn virtual_host(provider: Provider, host: &'static str) -> HostRule {
    HostRule { addressing: Addressing::VirtualHost, ..path(provider, host) }
}

const fn one_region(provider: Provider, host: &'static str, region: &'static str) -> HostRule {
    HostRule { region: Some(region), ..path(provider, host) }
}

/// The first match counts, so specific hosts come before general ones.
pub(super) const HOSTS: &[HostRule] = &[
    virtual_host(Provider::Aws, "s3-accelerate.amazonaws.com"),
    path(Provider::Aws, "s3.{region}.vpce.amazonaws.com"),
    virtual_host(Provider::Aws, "s3.dualstack.{region}.amazonaws.com"),
    virtual_host(Provider::Aws, "s3-fips.dualstack.{region}.amazonaws.com"),
    virtual_host(Provider::Aws, "s3-fips.{region}.amazonaws.com"),
    virtual_host(Provider::Aws, "s3.{region}.amazonaws.com"),
    virtual_host(Provider::Aws, "s3-{region}.amazonaws.com"),
    virtual_host(Provider::Aws, "s3.dualstack.{region}.amazonaws.com.cn"),
    virtual_host(Provider::Aws, "s3.{region}.amazonaws.com.cn"),
    path(Provider::Aws, "amazonaws.com"),
    path(Provider::Aws, "amazonaws.com.cn"),
    one_region(Provider::Gcp, "storage.googleapis.com", "auto"),
    path(Provider::Gcp, "googleapis.com"),
    path(Provider::Azure, "core.windows.net"),
    path(Provider::Azure, "core.chinacloudapi.cn"),
    path(Provider::Azure, "core.usgovcloudapi.net"),
    path(Provider::Azure, "storage.azure.net"),
    one_region(Provider::Cloudflare, "*.eu.r2.cloudflarestorage.com", "auto"),
    one_region(Provider::Cloudflare, "*.fedramp.r2.cloudflarestorage.com", "auto"),
    one_region(Provider::Cloudflare, "*.r2.cloudflarestorage.com", "auto"),
    path(Provider::Backblaze, "s3.{region}.backblazeb2.com"),
    path(Provider::Backblaze, "backblazeb2.com"),
    one_region(Provider::Wasabi, "s3.wasabisys.com", "us-east-1"),
    path(Provider::Wasabi, "s3.{region}.wasabisys.com"),
    path(Provider::Wasabi, "wasabisys.com"),
    one_region(Provider::Storj, "storjshare.io", "us-east-1"),
    path(Provider::DigitalOcean, "{region}.digitaloceanspaces.com"),
    path(Provider::Hetzner, "{region}.your-objectstorage.com"),
    path(Provider::Ovh, "s3.{region}.io.cloud.ovh.net"),
    path(Provider::Ovh, "s3.{region}.perf.cloud.ovh.net"),
    path(Provider::Ovh, "s3.{region}.cloud.ovh.net"),
    path(Provider::Ovh, "s3.{region}.io.cloud.ovh.us"),
    path(Provider::Ovh, "cloud.ovh.net"),
    path(Provider::Scaleway, "s3.{region}.scw.cloud"),
    path(Provider::Scaleway, "scw.cloud"),
    path(Provider::Ibm, "s3.{region}.cloud-object-storage.appdomain.cloud"),
    path(Provider::Ibm, "s3.*.{region}.cloud-object-storage.appdomain.cloud"),
    path(Provider::Ibm, "cloud-object-storage.appdomain.cloud"),
    path(Provider::Oracle, "*.compat.objectstorage.{region}.oraclecloud.com"),
    path(Provider::Oracle, "*.compat.objectstorage.{region}.oci.customer-oci.com"),
    path(Provider::Oracle, "oraclecloud.com"),
    path(Provider::Linode, "{region}.linodeobjects.com"),
    path(Provider::Vultr, "{region}.vultrobjects.com"),
    path(Provider::Exoscale, "sos-{region}.exo.io"),
    path(Provider::Contabo, "{region}.contabostorage.com"),
    virtual_host(Provider::Alibaba, "s3.oss-{region}.aliyuncs.com"),
    virtual_host(Provider::Alibaba, "oss-{region}.aliyuncs.com"),
    virtual_host(Provider::Tencent, "cos.{region}.myqcloud.com"),
    one_region(Provider::Tigris, "t3.storage.dev", "auto"),
    one_region(Provider::Tigris, "fly.storage.tigris.dev", "auto"),
    path(Provider::Minio, "min.io"),
];

/// Prefixes of a host label by which self-hosted servers are recognised.
pub(super) const NAMES: &[(&str, Provider)] = &[
    ("minio", Provider::Minio),
    ("ceph", Provider::Ceph),
    ("rgw", Provider::Ceph),
    ("radosgw", Provider::Ceph),
];

/// A host that matches a row.
pub(super) struct Fit<'a> {
    /// The labels before those of the row.
    pub(super) front: &'a str,
    /// The text that matches `{region}`.
    pub(super) region: Option<&'a str>,
}

impl HostRule {
    /// Matches the last labels of a host with this row.
    pub(super) fn fit<'a>(&self, host: &'a str) -> Option<Fit<'a>> {
        let mut rest = host;
        let mut region = None;
        for wanted in self.host.rsplit('.') {
            let (before, label) = match rest.rsplit_once('.') {
                _ if rest.is_empty() => return None,
                Some((before, label)) => (before, label),
                None => ("", rest),
            };
            // Few labels are patterns, and a search for a text costs more than all comparisons of a row.
            let pattern = if wanted.contains('{') { wanted.split_once("{region}") } else { None };
            match pattern {
                Some((start, end)) => {
                    let response = label.strip_prefix(start)?.strip_suffix(end)?;
                    region = Some(response).filter(|response| !response.is_empty());
                    region?;
                }
                None if wanted == "*" || wanted == label => {}
                None => return None,
            }
            rest = before;
        }
        Some(Fit { front: rest, region })
    }
}
