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
#[error(
    "can't parse the database address; it has the form \
     postgres://user:password@host:5432/database?sslmode=verify-full, with special characters in the password as %xx"
)]
pub struct WrongAddress;

impl FromStr for Address {
    type Err = WrongAddress;

    fn from_str(text: &str) -> Result<Self, WrongAddress> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(WrongAddress);
        }
        let options: PgConnectOptions = text.parse().map_err(|_| WrongAddress)?;
        // The driver would use the user's name as the database, which confuses people who forgot the database.
        if options.get_database().is_none_or(str::is_empty) {
            return Err(WrongAddress);
        }
        Ok(Self(Box::new(options)))
    }
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
}
