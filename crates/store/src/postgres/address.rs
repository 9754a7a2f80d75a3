//! The address of a database, and the credentials for it.

use std::fmt;
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

/// The address of a PostgreSQL database: `postgres://user:password@host:port/database?sslmode=verify-full`.
///
/// The parameters of PostgreSQL's own programs work too. Their environment variables (`PGPASSWORD` and so on)
/// supply what the address leaves out. `Display` and `Debug` leave the password out.
#[derive(Clone)]
pub struct Address(Box<PgConnectOptions>);

/// The text isn't the address of a PostgreSQL database. The message doesn't repeat it, because it may contain a
/// password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongAddress {
    /// Enter an address of this form.
    #[error(
        "can't parse the database address; it has the form \
         postgres://user:password@host:5432/database?sslmode=verify-full, with special characters in the password as %xx"
    )]
    Malformed,
    /// Enter one host. PostgreSQL's own programs accept several, of which they try one after the other.
    #[error(
        "the database address names several hosts, but only one is supported: enter an address that always leads to the \
         primary, such as that of a proxy in front of the PostgreSQL servers"
    )]
    SeveralHosts,
}

impl FromStr for Address {
    type Err = WrongAddress;

    fn from_str(text: &str) -> Result<Self, WrongAddress> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(WrongAddress::Malformed);
        }
        if names_several_hosts(text) {
            return Err(WrongAddress::SeveralHosts);
        }
        let options: PgConnectOptions = text.parse().map_err(|_| WrongAddress::Malformed)?;
        // The driver would use the user's name as the database, which confuses people who forgot the database.
        if options.get_database().is_none_or(str::is_empty) {
            return Err(WrongAddress::Malformed);
        }
        Ok(Self(Box::new(options)))
    }
}

/// Whether there is a comma in the host of an address, or in the parameters that name one.
fn names_several_hosts(text: &str) -> bool {
    let after_scheme = text.split_once("://").map_or(text, |(_, rest)| rest);
    let (address, parameters) = after_scheme.split_once('?').unwrap_or((after_scheme, ""));
    let authority = address.split('/').next().unwrap_or_default();
    let hosts = authority.rsplit('@').next().unwrap_or_default();
    let mut parameters = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
    let is_list = |value: &str| value.contains(',') || value.to_ascii_lowercase().contains("%2c");
    is_list(hosts)
        || parameters.any(|(name, value)| matches!(name, "host" | "hostaddr" | "port") && is_list(value))
}

impl Address {
    /// The connection options that the driver parsed.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.0.as_ref().clone()
    }

    /// The same database, with `name` as the schema in which everything is created and used.
    pub(super) fn in_schema(&self, name: &str) -> Self {
        Self(Box::new(self.options().options([("search_path", name)])))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(options) = self;
        let database = options.get_database().unwrap_or_default();
        write!(f, "postgres://{}@", options.get_username())?;
        match options.get_socket() {
            Some(socket) => write!(f, "{}/{database}", socket.display()),
            None => write!(f, "{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address: Address =
            "postgres://ada:hunter2@db.example.com:6432/registry?sslmode=require".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://ada@db.example.com:6432/registry");
        assert_eq!(format!("{address:?}"), address.to_string());
        let address: Address = "postgresql://ada@db.example.com/registry?password=hunter2".parse().unwrap();
        assert!(!address.to_string().contains("hunter2"));
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for wrong in [
            "mysql://ada:hunter2@db/registry",
            "postgres://ada:hunter2@db:port/registry",
            "postgres://ada:hunter2@db",
        ] {
            let response = wrong.parse::<Address>().unwrap_err().to_string();
            assert!(
                !response.contains("hunter2") && response.contains("postgres://user"),
                "{wrong}: {response}"
            );
        }
    }

    #[test]
    fn several_hosts_are_refused_with_the_remedy() {
        for wrong in [
            "postgres://ada:hunter2@one,two/registry?target_session_attrs=read-write",
            "postgres://ada:hunter2@one:5432,two:5433/registry",
            "postgres://ada:hunter2@/registry?host=one,two",
            "postgres:///registry?port=5432%2C5433",
        ] {
            let response = wrong.parse::<Address>().unwrap_err();
            assert_eq!(response, WrongAddress::SeveralHosts, "{wrong}");
            assert!(!response.to_string().contains("hunter2"), "{response}");
        }
        let one = "postgres://ada:a,b@one/registry?options=-csearch_path%3Da,b".parse::<Address>();
        assert!(one.is_ok(), "commas elsewhere mean something else");
    }
}
