//! G4: the memory of streams in flight, large objects and idle connections.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::load::{self, LoadSide, Work, connect, round};
use super::objects::{HUGE, HUGE_PIECES, LARGE, SMALL};
use super::sign::{PayloadHash, payload_hash};
use super::{Field, MIB, S3_BUCKET, read, write};
use crate::report::{self, Bar};
use crate::{Plan, Result};

pub(super) const STREAMS: usize = 32;
/// How much more memory an object of 5 GiB may take than one of 64 MiB: that of a few reads of a connection.
const FLAT_MIB: f64 = 4.0;

pub(super) async fn measure(
    field: &Field,
    plan: &Plan,
    figures: &mut Map<String, Value>,
) -> Result<Vec<Bar>> {
    report::complain("G4 memory");
    let gateway = field.gateway();
    let mut bars = Vec::new();
    let all = STREAMS * 2;
    for (name, one, work) in [
        ("read", read(S3_BUCKET, LARGE, 1, 2), read(S3_BUCKET, LARGE, STREAMS, all)),
        (
            "written",
            write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 1, 2),
            write(S3_BUCKET, LARGE.1, PayloadHash::Signed, STREAMS, all),
        ),
    ] {
        let single = growth(&gateway, &one).await?;
        let growth = growth(&gateway, &work).await? / STREAMS as f64;
        let what = format!("G4 memory per stream of 64 MiB being {name}, {STREAMS} in flight");
        bars.push(Bar::at_most(&what, (1.0, "≤ 1 MiB"), growth, format!("{growth:.2} MiB")));
        figures.insert(format!("g4 {name} MiB"), json!({ "perStream": growth, "single": single }));
        if plan.quick {
            continue;
        }
        let huge = if name == "read" { read_huge(&gateway).await? } else { write_huge(&gateway).await? };
        let what = format!("G4 additional memory of one object of 5 GiB being {name}, over one of 64 MiB");
        let limit = format!("≤ {FLAT_MIB} MiB");
        bars.push(Bar::at_most(
            &what,
            (FLAT_MIB, &limit),
            huge - single,
            format!("{:.2} MiB", huge - single),
        ));
        figures.insert(format!("g4 {name} 5 GiB MiB"), json!(huge));
    }
    bars.push(idle(&gateway, if plan.quick { 1_000 } else { 10_000 }, figures).await?);
    Ok(bars)
}

/// The highest resident memory during the work minus the resident memory before it, in MiB.
pub(super) async fn growth(side: &LoadSide, work: &Work) -> Result<f64> {
    let before = side.process.resident()?;
    side.process.forget_peak()?;
    round(side, work).await?;
    Ok(side.process.peak()?.saturating_sub(before) as f64 / MIB)
}

async fn read_huge(side: &LoadSide) -> Result<f64> {
    let work =
        Work { path: format!("/{S3_BUCKET}/{HUGE}"), repeated: HUGE_PIECES, ..read(S3_BUCKET, LARGE, 1, 1) };
    growth(side, &work).await
}

/// A multipart upload of 80 parts of 64 MiB.
async fn write_huge(side: &LoadSide) -> Result<f64> {
    let path = format!("/{S3_BUCKET}/written-in-parts");
    let post = |target: String, content: Bytes| Work {
        method: Method::POST,
        path: target,
        payload_hash: payload_hash(PayloadHash::Signed, &content),
        content,
        expected: (StatusCode::OK, None),
        ..read(S3_BUCKET, SMALL, 1, 1)
    };
    let part = write(S3_BUCKET, LARGE.1, PayloadHash::Signed, 1, 1);
    let before = side.process.resident()?;
    side.process.forget_peak()?;
    let mut sender = connect(&side.url).await?;
    let begun = load::document(side, &post(format!("{path}?uploads="), Bytes::new()), &mut sender).await?;
    let upload = begun
        .split_once("<UploadId>")
        .and_then(|(_, rest)| rest.split_once("</UploadId>"))
        .map(|(id, _)| id.to_owned())
        .ok_or("no upload id in the response")?;
    let mut list = String::from("<CompleteMultipartUpload>");
    for number in 1..=HUGE_PIECES {
        let target = format!("{path}?partNumber={number}&uploadId={upload}");
        load::call(side, &Work { path: target, ..part.clone() }, &mut sender).await?;
        // Writing to a String can't fail.
        _ = write!(
            list,
            "<Part><PartNumber>{number}</PartNumber><ETag>\"d41d8cd98f00b204e9800998ecf8427e\"</ETag></Part>"
        );
    }
    list += "</CompleteMultipartUpload>";
    load::call(side, &post(format!("{path}?uploadId={upload}"), list.into()), &mut sender).await?;
    Ok(side.process.peak()?.saturating_sub(before) as f64 / MIB)
}

/// Measures connections that were used once and stay open.
async fn idle(side: &LoadSide, wanted: usize, figures: &mut Map<String, Value>) -> Result<Bar> {
    let before = side.process.resident()?;
    let small = read(S3_BUCKET, SMALL, 1, 1);
    let mut idle = Vec::with_capacity(wanted);
    for _ in 0..wanted {
        let mut sender = connect(&side.url).await?;
        load::call(side, &small, &mut sender).await?;
        idle.push(sender);
    }
    let held = side.process.resident()?.saturating_sub(before) as f64 / MIB;
    let kept = idle.iter_mut().filter(|sender| !sender.is_closed()).count();
    if kept < wanted {
        return Err(format!("only {kept} of {wanted} idle connections are still open").into());
    }
    figures.insert("g4Idle".to_owned(), json!({ "connections": kept, "mib": held }));
    let what = format!("G4 memory of {kept} idle connections");
    Ok(Bar::at_most(&what, (200.0, "< 200 MiB"), held, format!("{held:.1} MiB")))
}
