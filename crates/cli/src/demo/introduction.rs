//! What the demo prints when it starts, and the files for the commands in it.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use bucketry_model::secret::Secret;

use super::ACCESS_KEY;
use super::buckets::{ARCHIVE, BACKUPS, DOCUMENTS, PARTNERS, PHOTOS, SPARE};
use super::contents::REPOSITORY;
use super::history::DAYS;
use crate::connect::REGION;
use crate::failure::{Failure, Result};
use crate::program;

/// The program's name, for the commands that are printed.
const PROGRAM: &str = "bucketry";

/// What there is to introduce.
pub(crate) struct Introduction<'a> {
    pub(crate) url: &'a str,
    pub(crate) gateway: &'a str,
    pub(crate) email: &'a str,
    pub(crate) password: &'a Secret,
    pub(crate) token: &'a Secret,
    /// The key of the repository, and its secret.
    pub(crate) key: &'a str,
    pub(crate) key_secret: &'a Secret,
    /// URL and secret of the embedded S3 server.
    pub(crate) storage: &'a str,
    pub(crate) secret: &'a Secret,
    /// The buckets at emulators of clouds, with the names of their providers.
    pub(crate) clouds: &'a [(&'static str, &'static str)],
}

/// The files for the commands in the introduction.
pub(crate) struct DemoFiles {
    /// Sets up a shell.
    pub(crate) shell: PathBuf,
    /// What to paste to add the bucket that isn't registered.
    pub(crate) spare: PathBuf,
}

impl Introduction<'_> {
    /// Writes the files, for this user only.
    pub(crate) fn write_files(&self, dir: &Path) -> Result<DemoFiles> {
        self.try_write_files(dir)
            .map_err(|error| Failure::because("can't write the settings of the demo for shells", &error))
    }

    fn try_write_files(&self, dir: &Path) -> std::io::Result<DemoFiles> {
        let aws_config = dir.join("aws-config");
        let aws = format!("[default]\nregion = {REGION}\ns3 =\n  signature_version = s3v4\n");
        write_private(&aws_config, &aws)?;
        let mut programs = None;
        if program::command() != PROGRAM {
            let folder = dir.join("bin");
            fs::create_dir(&folder)?;
            symlink(std::env::current_exe()?, folder.join(PROGRAM))?;
            programs = Some(folder);
        }
        let files = DemoFiles { shell: dir.join("shell"), spare: dir.join("spare.txt") };
        write_private(&files.shell, &self.shell_text(&aws_config, programs.as_deref()))?;
        let spare = format!(
            "s3://{}\nAWS_ENDPOINT_URL={}\nAWS_ACCESS_KEY_ID={ACCESS_KEY}\nAWS_SECRET_ACCESS_KEY={}\n",
            SPARE.bucket,
            self.storage,
            self.secret.expose(),
        );
        write_private(&files.spare, &spare)?;
        Ok(files)
    }

    /// The text for the terminal.
    pub(crate) fn text(&self, files: &DemoFiles) -> String {
        let (url, gateway, email) = (self.url, self.gateway, self.email);
        let (password, token) = (self.password.expose(), self.token.expose());
        let quoted = |path: &Path| program::quoted(&path.to_string_lossy());
        let (photos, documents, backups) = (PHOTOS.bucket, DOCUMENTS.bucket, BACKUPS.bucket);
        let (archive, partners, spare) = (ARCHIVE.name, PARTNERS.name, SPARE.name);
        let (shell, paste) = (quoted(&files.shell), quoted(&files.spare));
        let place = |bucket: &str| {
            let cloud = self.clouds.iter().find(|(name, _)| *name == bucket);
            cloud.map_or_else(String::new, |(_, provider)| format!(" at {provider}"))
        };
        let (of_documents, of_backups) = (place(documents), place(backups));
        let across = if self.clouds.is_empty() { "buckets" } else { "clouds" };
        format!(
            "\
The demo runs until you press Ctrl-C. Then all its data is deleted.

  dashboard  {url}/ui
  user       {email}
  password   {password}
  token      {token}
  API        {url}/docs
  gateway    {gateway}

S3 clients connect to the repository {REPOSITORY}. It contains the buckets
{photos}, {documents}{of_documents} and {backups}{of_backups}.
{archive} is broken on purpose; the credential of {partners} expires soon.
Status and traffic before the demo's start ({DAYS} days) are invented.

In another terminal:

  . {shell}
  bucketry bucket list
  bucketry bucket validate {archive}
  bucketry bucket add {spare} --paste {paste}

You can also add {spare} in the dashboard: paste the contents of that file.
With the AWS command line, across {across}:

  aws s3 ls
  aws s3 cp s3://{photos}/lake.txt s3://{documents}/
  aws s3 sync s3://{photos} s3://{backups}/{photos}
  aws s3 ls s3://{backups} --recursive
"
        )
    }

    fn shell_text(&self, aws_config: &Path, programs: Option<&Path>) -> String {
        let quoted = |path: &Path| program::quoted(&path.to_string_lossy());
        let mut text = String::from("# Sets up a shell for the Bucketry demo. Valid until the demo ends.\n");
        let mut set = |name: &str, value: &str| {
            // Writing to a String can't fail.
            _ = writeln!(text, "export {name}={value}");
        };
        if let Some(programs) = programs {
            set("PATH", &format!("{}:\"$PATH\"", quoted(programs)));
        }
        set("BUCKETRY_URL", self.url);
        set("BUCKETRY_TOKEN", self.token.expose());
        set("AWS_ENDPOINT_URL_S3", self.gateway);
        set("AWS_ACCESS_KEY_ID", self.key);
        set("AWS_SECRET_ACCESS_KEY", &program::quoted(self.key_secret.expose()));
        set("AWS_DEFAULT_REGION", REGION);
        set("AWS_CONFIG_FILE", &quoted(aws_config));
        text.push_str("unset AWS_PROFILE AWS_REGION AWS_SESSION_TOKEN AWS_ENDPOINT_URL\n");
        text
    }
}

/// Writes a new file that only this user can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}
