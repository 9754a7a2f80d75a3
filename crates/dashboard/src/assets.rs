//! The style sheet, the scripts and the icon, embedded in the program. Their path contains a hash of all of them, so browsers
//! may keep them for a year, and scripts find each other by relative paths.

use std::fmt::Write as _;

use crate::links::Links;

/// A file.
pub(crate) struct Asset {
    name: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) content: &'static str,
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! script {
    ($name:literal) => {
        Asset { name: $name, media_type: SCRIPT, content: include_str!(concat!("../assets/", $name)) }
    };
}

static ALL: [Asset; 13] = [
    Asset {
        name: "app.css",
        media_type: "text/css; charset=utf-8",
        content: include_str!("../assets/app.css"),
    },
    Asset { name: "icon.svg", media_type: "image/svg+xml", content: include_str!("../assets/icon.svg") },
    script!("app.js"),
    script!("chart.js"),
    script!("checks.js"),
    script!("copy.js"),
    script!("forms.js"),
    script!("fragment.js"),
    script!("live.js"),
    script!("select.js"),
    script!("shortcuts.js"),
    script!("theme.js"),
    script!("times.js"),
];

/// The embedded files, under their address of this version.
pub(crate) struct Assets {
    hash: String,
}

impl Assets {
    pub(crate) fn embedded() -> Self {
        // FNV-1a. It only has to differ when a file differs.
        let bytes = ALL.iter().flat_map(|asset| asset.name.bytes().chain(asset.content.bytes()));
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = write!(text, "{hash:016x}");
        Self { hash: text }
    }

    /// The file of this name.
    pub(crate) fn find(name: &str) -> Option<&'static Asset> {
        ALL.iter().find(|asset| asset.name == name)
    }

    /// Whether an address with this hash is one of this version.
    pub(crate) fn is_current(&self, hash: &str) -> bool {
        self.hash == hash
    }

    /// The address of a file.
    pub(crate) fn link(&self, links: &Links, name: &str) -> String {
        links.ui(format_args!("/assets/{}/{name}", self.hash))
    }

    /// The names of the scripts that `app.js` imports.
    pub(crate) fn modules() -> impl Iterator<Item = &'static str> {
        ALL.iter()
            .filter(|asset| asset.media_type == SCRIPT && asset.name != "app.js")
            .map(|asset| asset.name)
    }
}
