//! Prices that the operator writes down, and what traffic and stored bytes cost by them. All costs are estimates:
//! providers count and round in their own ways, and have free tiers and discounts.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Deserializer, de};

use crate::id::BucketId;
use crate::provider::Provider;
use crate::usage::UsageCounts;

/// The highest price. A higher one is a mistake.
const MAX_PRICE: f64 = 1_000_000.0;
/// Prices of requests are for this many.
const REQUESTS: f64 = 1_000.0;
const GIB: f64 = 1_073_741_824.0;

/// An ISO 4217 code, such as `EUR`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Currency([u8; 3]);

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let letters = <[u8; 3]>::try_from(text.as_bytes()).ok();
        let code = letters.filter(|letters| letters.iter().all(u8::is_ascii_uppercase));
        code.map(Self)
            .ok_or_else(|| de::Error::custom("must be a currency of three capital letters, such as EUR"))
    }
}

/// A price in the sheet's currency.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
struct Price(f64);

impl TryFrom<f64> for Price {
    type Error = &'static str;

    fn try_from(price: f64) -> Result<Self, Self::Error> {
        if (0.0..=MAX_PRICE).contains(&price) {
            Ok(Self(price))
        } else {
            Err("must be a number from 0 to 1000000")
        }
    }
}

/// The prices of a provider or a bucket. What has no price costs nothing that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    /// Storing a GiB for a month.
    gib_month: Option<Price>,
    /// A GiB that clients receive.
    egress_gib: Option<Price>,
    /// 1,000 requests that read an object or its attributes.
    reads_per_1000: Option<Price>,
    /// 1,000 requests that store, copy or delete an object.
    writes_per_1000: Option<Price>,
    /// 1,000 requests that list objects.
    lists_per_1000: Option<Price>,
}

impl Prices {
    /// These prices, and those of `others` where there are none.
    fn or(self, others: Self) -> Self {
        Self {
            gib_month: self.gib_month.or(others.gib_month),
            egress_gib: self.egress_gib.or(others.egress_gib),
            reads_per_1000: self.reads_per_1000.or(others.reads_per_1000),
            writes_per_1000: self.writes_per_1000.or(others.writes_per_1000),
            lists_per_1000: self.lists_per_1000.or(others.lists_per_1000),
        }
    }
}

/// A provider as the key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ProviderKey(Provider);

impl<'de> Deserialize<'de> for ProviderKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(de::Error::custom)
    }
}

/// A bucket's id as the key of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct BucketKey(BucketId);

impl<'de> Deserialize<'de> for BucketKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let expected = "must be the id of a bucket, as `bucketry bucket list -o wide` shows it";
        text.parse().map(Self).map_err(|_| de::Error::custom(expected))
    }
}

/// Prices by provider and by bucket.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceSheet {
    currency: Currency,
    #[serde(default)]
    provider: HashMap<ProviderKey, Prices>,
    #[serde(default)]
    bucket: HashMap<BucketKey, Prices>,
}

impl PriceSheet {
    /// The prices of a bucket: its own ones, and those of its provider where it has none.
    pub fn prices(&self, provider: Provider, bucket: BucketId) -> BucketPrices {
        let own = self.bucket.get(&BucketKey(bucket)).copied().unwrap_or_default();
        let general = self.provider.get(&ProviderKey(provider)).copied().unwrap_or_default();
        BucketPrices { currency: self.currency, prices: own.or(general) }
    }
}

/// The prices of a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BucketPrices {
    currency: Currency,
    prices: Prices,
}

/// What traffic costs. At least one of the parts has a price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrafficCost {
    /// The currency of the amounts.
    pub currency: Currency,
    /// Of the requests; `None` without a price for any kind of them.
    pub requests: Option<f64>,
    /// Of the bytes that clients received; `None` without a price.
    pub egress: Option<f64>,
}

impl TrafficCost {
    /// The sum of the parts.
    pub fn total(&self) -> f64 {
        rounded(self.requests.unwrap_or_default() + self.egress.unwrap_or_default())
    }
}

/// What stored bytes cost per month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StorageCost {
    /// The currency of the amount.
    pub currency: Currency,
    /// The amount.
    pub amount: f64,
}

impl BucketPrices {
    /// What traffic costs. `None` if it has no price.
    pub fn traffic_cost(&self, counts: &UsageCounts) -> Option<TrafficCost> {
        let Prices { egress_gib, reads_per_1000, writes_per_1000, lists_per_1000, .. } = self.prices;
        let kinds = [
            (reads_per_1000, counts.reads),
            (writes_per_1000, counts.writes),
            (lists_per_1000, counts.lists),
        ];
        let priced = kinds.into_iter().filter_map(|(price, count)| Some(price?.0 * number(count) / REQUESTS));
        let requests = priced.reduce(|sum, more| sum + more).map(rounded);
        let egress = egress_gib.map(|price| rounded(price.0 * number(counts.download_bytes) / GIB));
        let is_priced = requests.is_some() || egress.is_some();
        is_priced.then_some(TrafficCost { currency: self.currency, requests, egress })
    }

    /// What it costs to store this many bytes for a month. `None` without a price.
    pub fn storage_cost(&self, bytes: i64) -> Option<StorageCost> {
        let price = self.prices.gib_month?;
        Some(StorageCost { currency: self.currency, amount: rounded(price.0 * number(bytes) / GIB) })
    }
}

/// A count for a calculation. Negative ones don't occur.
#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 53 bits")]
fn number(count: i64) -> f64 {
    count.max(0) as f64
}

/// Without the noise of binary fractions.
fn rounded(amount: f64) -> f64 {
    (amount * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    fn id() -> BucketId {
        BucketId::new(Timestamp::UNIX_EPOCH, [7; 10])
    }

    fn sheet() -> PriceSheet {
        serde_json::from_value(json!({
            "currency": "EUR",
            "provider": {
                "aws": { "gib_month": 0.023, "egress_gib": 0.09, "reads_per_1000": 0.0004, "writes_per_1000": 0.005 },
                "r2": { "gib_month": 0.015 },
            },
            "bucket": { id().to_string(): { "egress_gib": 0 } },
        }))
        .unwrap()
    }

    fn counts() -> UsageCounts {
        UsageCounts {
            reads: 10_000,
            writes: 1_000,
            lists: 5,
            download_bytes: 10 << 30,
            ..UsageCounts::default()
        }
    }

    #[test]
    fn traffic_costs_its_requests_and_its_egress() {
        let other = BucketId::new(Timestamp::UNIX_EPOCH, [8; 10]);
        let cost = sheet().prices(Provider::Aws, other).traffic_cost(&counts()).unwrap();
        assert_eq!((cost.requests, cost.egress), (Some(0.009), Some(0.9)));
        assert_eq!((cost.total(), cost.currency.to_string().as_str()), (0.909, "EUR"));
        let storage = sheet().prices(Provider::Aws, other).storage_cost(100 << 30).unwrap();
        assert_eq!(Some(storage.amount), Some(2.3));
    }

    #[test]
    fn a_bucket_overrides_single_prices_of_its_provider() {
        let cost = sheet().prices(Provider::Aws, id()).traffic_cost(&counts()).unwrap();
        assert_eq!((cost.requests, cost.egress), (Some(0.009), Some(0.0)));
    }

    #[test]
    fn nothing_is_estimated_without_a_price() {
        let prices = sheet().prices(Provider::Cloudflare, BucketId::new(Timestamp::UNIX_EPOCH, [8; 10]));
        assert_eq!(prices.traffic_cost(&counts()), None);
        assert!(prices.storage_cost(1).is_some());
        let none = sheet().prices(Provider::Other, BucketId::new(Timestamp::UNIX_EPOCH, [8; 10]));
        assert_eq!((none.traffic_cost(&counts()), none.storage_cost(1 << 40)), (None, None));
    }

    #[test]
    fn huge_counts_stay_numbers() {
        let counts = UsageCounts { reads: i64::MAX, download_bytes: i64::MAX, ..UsageCounts::default() };
        let cost = sheet().prices(Provider::Aws, id()).traffic_cost(&counts).unwrap();
        assert!(cost.total().is_finite() && cost.total() > 0.0);
    }

    #[test]
    fn mistakes_are_refused() {
        for (wrong, said) in [
            (json!({ "currency": "euro" }), "three capital letters"),
            (json!({ "provider": {} }), "currency"),
            (json!({ "currency": "EUR", "provider": { "amazonia": {} } }), "name of a provider"),
            (json!({ "currency": "EUR", "provider": { "aws": { "gib_month": -1 } } }), "from 0 to"),
            (json!({ "currency": "EUR", "provider": { "aws": { "gib_mnth": 1 } } }), "gib_mnth"),
            (json!({ "currency": "EUR", "provider": { "aws": { "gib_month": "1" } } }), "string"),
            (json!({ "currency": "EUR", "bucket": { "Photos": {} } }), "the id of a bucket"),
            (json!({ "currency": "EUR", "prices": {} }), "prices"),
        ] {
            let error = serde_json::from_value::<PriceSheet>(wrong.clone()).unwrap_err().to_string();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
