//! `bucketry bucket inventory` and `bucketry organization inventory`.

use bucketry_api_types::bucket::BucketInfo;
use bucketry_api_types::inventory::{
    BucketInventory, InventoryChanges, InventoryMode, InventoryResult, InventoryScheduleInfo, SizeSource,
};
use bucketry_client::ApiClient;

use crate::failure::Result;
use crate::inventory_arguments::{InventoryArguments, ScheduleArguments};
use crate::output;
use crate::remote::Remote;
use crate::table::{Cell, Column, Table, bytes_text};

const CLASS_COLUMNS: &[Column] = &[
    Column::text("STORAGE CLASS", "storage_class", 0, 13),
    Column::number("OBJECTS", "objects", 1),
    Column::number("SIZE", "bytes", 2),
];
const PREFIX_COLUMNS: &[Column] = &[
    Column::text("PREFIX", "prefix", 0, 20),
    Column::number("OBJECTS", "objects", 1),
    Column::number("SIZE", "bytes", 2),
];

/// Changes the setting and starts a walk where that is asked for, then shows how full the bucket is.
pub(crate) async fn run(
    remote: &Remote,
    client: &ApiClient,
    bucket: &BucketInfo<'_>,
    arguments: &InventoryArguments,
) -> Result<()> {
    let mut view = match changes(arguments) {
        Some(changes) => client.set_bucket_inventory(bucket.id, &changes).await?,
        None if !arguments.start => client.bucket_inventory(bucket.id).await?,
        None => client.start_bucket_inventory(bucket.id).await?,
    };
    if arguments.start && changes(arguments).is_some() {
        view = client.start_bucket_inventory(bucket.id).await?;
    }
    if remote.json {
        return output::json(&view);
    }
    show(remote, &bucket.name, &view)
}

/// Changes the organization's schedule where that is asked for, then shows it.
pub(crate) async fn organization(
    remote: &Remote,
    client: &ApiClient,
    arguments: &ScheduleArguments,
) -> Result<()> {
    let id = client.profile().await?.org_id;
    let schedule = match schedule_changes(arguments) {
        None => client.organization_inventory(id).await?,
        Some(changes) => client.set_organization_inventory(id, &changes).await?,
    };
    if remote.json {
        return output::json(&schedule);
    }
    let walks = schedule.as_ref().map_or_else(|| "off".to_owned(), in_words);
    output::line(&format!("inventories of buckets without a separate setting: {walks}"))
}

fn changes(arguments: &InventoryArguments) -> Option<InventoryChanges> {
    if arguments.follow_organization {
        return Some(only(InventoryMode::Organization));
    }
    schedule_changes(&arguments.schedule)
}

fn schedule_changes(arguments: &ScheduleArguments) -> Option<InventoryChanges> {
    match arguments {
        ScheduleArguments { off: true, .. } => Some(only(InventoryMode::Off)),
        ScheduleArguments { every: Some(hours), requests_per_second, window, .. } => Some(InventoryChanges {
            mode: Some(InventoryMode::Own),
            every_hours: Some(*hours),
            requests_per_second: *requests_per_second,
            window: window.clone(),
        }),
        ScheduleArguments { .. } => None,
    }
}

fn only(mode: InventoryMode) -> InventoryChanges {
    InventoryChanges { mode: Some(mode), ..InventoryChanges::default() }
}

fn show(remote: &Remote, name: &str, view: &BucketInventory) -> Result<()> {
    let mut rows = vec![("bucket", name.to_owned()), ("walks", schedule(view))];
    if let Some(next) = view.next_at {
        rows.push(("next", next.to_string()));
    }
    if let Some(walk) = &view.progress {
        let state = match (&walk.node, walk.continues_at) {
            (Some(node), _) => format!("running at {node}"),
            (None, Some(at)) => format!("waiting, continues after {at}"),
            (None, None) => "waiting".to_owned(),
        };
        rows.push((
            "in progress",
            format!("objects: {}, requests: {}, {state}", walk.objects, walk.requests),
        ));
    }
    if let Some(error) = &view.last_error {
        rows.push(("last error", format!("{} {}", error.at, error.message)));
    }
    match &view.current {
        None => rows.push(("stored", "not measured yet".to_owned())),
        Some(current) => {
            let source = match current.source {
                SizeSource::Measured => "measured",
                SizeSource::Estimated => "estimated",
            };
            let bytes = current.stored_bytes.0;
            rows.push(("stored", format!("{} ({bytes} bytes, {source})", bytes_text(bytes))));
            rows.push(("objects", format!("{} at {}", current.objects, current.inventory_at)));
        }
    }
    output::pairs(&rows)?;
    view.results.first().map_or(Ok(()), |result| details(remote, result))
}

fn schedule(view: &BucketInventory) -> String {
    let Some(schedule) = &view.schedule else { return "off".to_owned() };
    let source = if view.mode == InventoryMode::Organization { ", set by the organization" } else { "" };
    format!("{}{source}", in_words(schedule))
}

fn in_words(schedule: &InventoryScheduleInfo) -> String {
    let window = schedule.window.map_or_else(String::new, |window| format!(", {window} UTC"));
    let rate = schedule.requests_per_second;
    format!("every {} h, {rate} requests per second at most{window}", schedule.every_hours)
}

fn details(remote: &Remote, result: &InventoryResult) -> Result<()> {
    output::line(&format!(
        "\nlast walk: {:.1} s, requests: {}{}",
        result.active_ms.0 as f64 / 1_000.0,
        result.requests,
        if result.ordered { "" } else { ", keys were not in order" },
    ))?;
    if !result.storage_classes.is_empty() {
        let rows = result.storage_classes.iter().map(|one| {
            vec![Cell::text(&one.storage_class), Cell::count(one.objects), Cell::bytes(one.bytes.0)]
        });
        Table::new(CLASS_COLUMNS, rows).print(remote)?;
    }
    let rows = result.largest_prefixes.iter().map(|one| {
        let name = if one.prefix.is_empty() { "(no prefix)" } else { &one.prefix };
        vec![Cell::with_exact(name, &one.prefix), Cell::count(one.objects), Cell::bytes(one.bytes.0)]
    });
    Table::new(PREFIX_COLUMNS, rows).print(remote)
}
