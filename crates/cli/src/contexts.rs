//! Contexts: the deployments that a user works with, and what commands remember about each of them beside the session.
//!
//! The context `default` always exists. Before there were others, its session was all that commands remembered.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bucketry_model::id::WorkspaceId;
use serde::{Deserialize, Serialize};

use crate::config_directory;
use crate::context_name::ContextName;
use crate::failure::{Failure, Result};
use crate::remote::Remote;

/// The workspace that commands use if none is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DefaultWorkspace {
    pub(crate) id: WorkspaceId,
    /// Its name when it was chosen.
    pub(crate) name: String,
}

/// What is remembered about a deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedContext {
    /// URL of the API. `None` for the default context as long as only its session has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    /// PEM file of CA certificates to trust for the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) workspace: Option<DefaultWorkspace>,
}

/// All contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contexts {
    /// The context that commands use unless `--context` names another one. `None` is the default context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    current: Option<ContextName>,
    #[serde(default)]
    contexts: BTreeMap<ContextName, SavedContext>,
}

impl Contexts {
    /// Reads the contexts.
    pub(crate) fn read() -> Result<Self> {
        // Without a home directory, there is nothing to remember.
        let Ok(path) = path() else { return Ok(Self::default()) };
        let Some(text) = config_directory::read(&path)? else { return Ok(Self::default()) };
        serde_json::from_str(&text).map_err(|error| {
            Failure::failed(format!("{} is damaged: fix or delete it ({error})", path.display()))
        })
    }

    /// Changes the contexts and stores them, unless the change is refused. Waits for other commands that do so.
    pub(crate) fn change<T>(change: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let path = path()?;
        let _lock = config_directory::lock(&path)?;
        let mut contexts = Self::read()?;
        let changed = change(&mut contexts)?;
        let text =
            serde_json::to_string_pretty(&contexts).map_err(|error| Failure::failed(error.to_string()))?;
        config_directory::write(&path, &text)?;
        Ok(changed)
    }

    pub(crate) fn current(&self) -> ContextName {
        self.current.clone().unwrap_or_else(ContextName::default_name)
    }

    /// The names, sorted. The default context is always one of them.
    pub(crate) fn names(&self) -> Vec<ContextName> {
        let mut names: Vec<ContextName> = self.contexts.keys().cloned().collect();
        if !self.contexts.contains_key(&ContextName::default_name()) {
            names.push(ContextName::default_name());
            names.sort();
        }
        names
    }

    /// What is remembered about a context, which must exist.
    pub(crate) fn find(&self, name: &ContextName) -> Result<SavedContext> {
        match self.contexts.get(name) {
            Some(saved) => Ok(saved.clone()),
            None if name.is_default() => Ok(SavedContext::default()),
            None => {
                let names: Vec<String> = self.names().into_iter().map(String::from).collect();
                Err(Failure::usage(format!(
                    "there is no context {name}: you have {}. `bucketry context add {name} --url URL` creates it",
                    names.join(", ")
                )))
            }
        }
    }

    /// Creates a context.
    pub(crate) fn add(&mut self, name: &ContextName, saved: SavedContext) -> Result<()> {
        if self.contexts.contains_key(name) || name.is_default() {
            return Err(Failure::failed(format!("there already is a context {name}: choose another name")));
        }
        self.contexts.insert(name.clone(), saved);
        Ok(())
    }

    /// Replaces what is remembered about a context.
    pub(crate) fn set(&mut self, name: &ContextName, saved: SavedContext) {
        self.contexts.insert(name.clone(), saved);
    }

    pub(crate) fn set_current(&mut self, name: &ContextName) -> Result<()> {
        self.find(name)?;
        self.current = (!name.is_default()).then(|| name.clone());
        Ok(())
    }

    /// Removes a context. If it was the current one, the default context becomes that.
    pub(crate) fn remove(&mut self, name: &ContextName) -> Result<()> {
        self.find(name)?;
        self.contexts.remove(name);
        if self.current() == *name {
            self.current = None;
        }
        Ok(())
    }

    /// Renames a context.
    pub(crate) fn rename(&mut self, from: &ContextName, to: &ContextName) -> Result<()> {
        let saved = self.find(from)?;
        let was_current = self.current() == *from;
        self.add(to, saved)?;
        self.remove(from)?;
        if was_current { self.set_current(to) } else { Ok(()) }
    }
}

/// The context of a command.
#[derive(Debug, Clone)]
pub(crate) struct ChosenContext {
    pub(crate) name: ContextName,
    pub(crate) saved: SavedContext,
}

/// The context that a command names, otherwise the current one.
pub(crate) fn chosen(remote: &Remote) -> Result<ChosenContext> {
    // An unreadable file must not stop commands that need nothing from it.
    let contexts = match (&remote.url, Contexts::read()) {
        (_, Ok(contexts)) => contexts,
        (Some(_), Err(_)) if remote.context.is_none() => Contexts::default(),
        (_, Err(failure)) => return Err(failure),
    };
    let name = remote.context.clone().unwrap_or_else(|| contexts.current());
    Ok(ChosenContext { saved: contexts.find(&name)?, name })
}

/// Whether two texts are the same URL of a server.
pub(crate) fn is_same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

fn path() -> Result<PathBuf> {
    Ok(config_directory::directory()?.join("contexts.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ContextName {
        text.parse().unwrap()
    }

    fn with_url(url: &str) -> SavedContext {
        SavedContext { url: Some(url.to_owned()), ..SavedContext::default() }
    }

    #[test]
    fn the_default_context_exists_from_the_beginning() {
        let contexts = Contexts::default();
        assert_eq!(contexts.names(), [ContextName::default_name()]);
        assert_eq!(contexts.find(&contexts.current()).unwrap(), SavedContext::default());
        let failure = contexts.find(&name("prod")).unwrap_err();
        assert!(failure.message().contains("you have default") && failure.exit_status() == 2);
    }

    #[test]
    fn contexts_are_added_used_renamed_and_removed() {
        let mut contexts = Contexts::default();
        contexts.add(&name("prod"), with_url("https://a")).unwrap();
        assert!(contexts.add(&name("prod"), with_url("https://b")).is_err());
        assert!(contexts.add(&name("default"), with_url("https://b")).is_err());
        contexts.set_current(&name("prod")).unwrap();
        contexts.rename(&name("prod"), &name("production")).unwrap();
        assert_eq!(contexts.current(), name("production"));
        assert_eq!(contexts.find(&name("production")).unwrap(), with_url("https://a"));
        let text = serde_json::to_string(&contexts).unwrap();
        assert_eq!(serde_json::from_str::<Contexts>(&text).unwrap(), contexts);
        contexts.remove(&name("production")).unwrap();
        assert_eq!((contexts.current(), contexts.names().len()), (ContextName::default_name(), 1));
    }
}
