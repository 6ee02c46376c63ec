//! Log drivers and their options, checked in Docker's words.
//!
//! Docker looks at the values of options only when the container starts; here a container that could never start is not
//! made, with the message that its start would have given.

use super::attributes::{Attributes, Subject};
use super::size::{self, NotASize};
use super::tag::TagError;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Options by name.
pub type Options = BTreeMap<String, String>;

/// Where a container's output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// Files in Docker's json-file format, written by the shim.
    JsonFile,
    /// The same files, in a place that is the engine's own business.
    Local,
    /// The same files, sent on to the host's journal.
    Journald,
    /// To attached clients only.
    None,
}

impl Driver {
    /// Its name in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonFile => "json-file",
            Self::Local => "local",
            Self::Journald => "journald",
            Self::None => "none",
        }
    }

    /// The driver of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::JsonFile, Self::Local, Self::Journald, Self::None].into_iter().find(|driver| driver.name() == name)
    }
}

/// Where systemd's journal listens.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// What a container gets that asks for nothing: `--log-driver` and `--log-opt` of the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogDefaults {
    /// The driver's name.
    pub driver: String,
    /// Its options.
    pub options: Options,
    /// Where the host's journal listens.
    pub journal: PathBuf,
}

impl Default for LogDefaults {
    fn default() -> Self {
        let driver = Driver::JsonFile.name().to_owned();
        Self { driver, options: Options::new(), journal: PathBuf::from(JOURNAL) }
    }
}

impl LogDefaults {
    /// Completes a container's choice: the default driver if it has none, and the defaults of the driver that it has.
    pub fn complete(&self, driver: &mut String, options: &mut Options) {
        if driver.is_empty() {
            driver.clone_from(&self.driver);
        }
        for (name, value) in &self.options {
            if *driver == self.driver || name.starts_with(CACHE) {
                options.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// How a log's files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// Rotated at so many bytes; 0: never.
    pub max_size: u64,
    /// How many there are at most, the current one included.
    pub max_files: u32,
    /// Rotated ones are compressed.
    pub compress: bool,
}

/// What json-file does when nobody says: an unbounded log fills the disk in the end.
const JSON_FILE: Files = Files { max_size: 20_000_000, max_files: 3, compress: false };
/// Docker's choice for `local`, and for the files behind drivers that send on.
const LOCAL: Files = Files { max_size: 20 << 20, max_files: 5, compress: true };

/// Options of the files behind a driver that sends on begin so.
const CACHE: &str = "cache-";
/// Options that every driver has.
const COMMON: [&str; 6] =
    ["mode", "max-buffer-size", "cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];
const ATTRIBUTES: [&str; 5] = ["labels", "labels-regex", "env", "env-regex", "tag"];
const FILES: [&str; 3] = ["max-size", "max-file", "compress"];

/// Which driver or option makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum LogOptionError {
    /// No such driver.
    #[error("logger: no log driver named '{0}' is registered")]
    Driver(String),
    /// json-file and journald have no such option.
    #[error("unknown log opt '{option}' for {driver} log driver")]
    Option {
        /// Which.
        option: String,
        /// Of which driver.
        driver: &'static str,
    },
    /// `local` has no such option; Docker words it another way.
    #[error("unknown log opt '{0}' for log driver local")]
    LocalOption(String),
    /// Neither `blocking` nor `non-blocking`.
    #[error("logger: logging mode not supported: {0}")]
    Mode(String),
    /// A buffer without the mode that uses it.
    #[error("logger: max-buffer-size option is only supported with 'mode=non-blocking'")]
    BufferWithoutMode,
    /// Not a size.
    #[error("error parsing option max-buffer-size: {0}")]
    Buffer(NotASize),
    /// Not a truth value.
    #[error("invalid value for option cache-disabled: {0}")]
    CacheDisabled(String),
    /// What Docker finds out when the container starts.
    #[error("failed to initialize logging driver: {0}")]
    Value(#[from] ValueError),
}

/// What is wrong with an option's value.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// json-file's `max-size`.
    #[error("{0}")]
    Size(NotASize),
    /// json-file's `max-size` is zero.
    #[error("max-size must be a positive number")]
    NoSize,
    /// json-file's `max-file`.
    #[error("strconv.Atoi: parsing {0:?}: invalid syntax")]
    Number(String),
    /// json-file's `max-file` is less than 1.
    #[error("max-file cannot be less than 1")]
    NoFile,
    /// json-file's `compress`.
    #[error("strconv.ParseBool: parsing {0:?}: invalid syntax")]
    Truth(String),
    /// There are no rotated files.
    #[error("compress cannot be true when max-file is less than 2 or max-size is not set")]
    Compress,
    /// local's `max-size`.
    #[error("invalid value for max-size: {0}: {1}")]
    LocalSize(String, NotASize),
    /// local's `max-file`.
    #[error("invalid value for max-file: {0}: strconv.Atoi: parsing {0:?}: invalid syntax")]
    LocalNumber(String),
    /// local's `max-file` is less than 1.
    #[error("max file count cannot be less than 1")]
    LocalNoFile,
    /// local's `compress`.
    #[error("error reading compress log option: strconv.ParseBool: parsing {0:?}: invalid syntax")]
    LocalTruth(String),
    /// There are no rotated files.
    #[error("compression cannot be enabled when max file count is 1")]
    LocalCompress,
    /// `tag`.
    #[error(transparent)]
    Tag(#[from] TagError),
    /// `labels-regex`, `env-regex`.
    #[error("error parsing regexp: {0}")]
    Regex(String),
    /// Every record would have to carry them.
    #[error("labels, env and tag give attributes of {0} bytes; at most {MAX_ATTRIBUTES} go with each record")]
    TooLong(usize),
}

/// Longest attributes of a record. Less than the shim takes: a container that gets a longer name later starts all the same.
pub(super) const MAX_ATTRIBUTES: usize = hull_plan::Step::MAX_LOG_ATTRIBUTES - 4096;

/// Checks a driver and its options as far as they can be checked without a container.
///
/// # Errors
/// At the first that makes no sense.
pub fn check(driver: &str, options: &Options) -> Result<Driver, LogOptionError> {
    if driver == Driver::None.name() {
        return Ok(Driver::None);
    }
    let option = |name: &str| options.get(name).map(String::as_str);
    let mode = option("mode").unwrap_or_default();
    if !matches!(mode, "" | "blocking" | "non-blocking") {
        return Err(LogOptionError::Mode(mode.to_owned()));
    }
    if let Some(size) = option("max-buffer-size") {
        if mode != "non-blocking" {
            return Err(LogOptionError::BufferWithoutMode);
        }
        size::binary(size).map_err(LogOptionError::Buffer)?;
    }
    if let Some(disabled) = option("cache-disabled").filter(|text| !text.is_empty())
        && truth(disabled).is_none()
    {
        return Err(LogOptionError::CacheDisabled(disabled.to_owned()));
    }
    let found = Driver::named(driver).ok_or_else(|| LogOptionError::Driver(driver.to_owned()))?;
    for name in options.keys().filter(|name| !COMMON.contains(&name.as_str())) {
        let known =
            ATTRIBUTES.contains(&name.as_str()) || (found != Driver::Journald && FILES.contains(&name.as_str()));
        if !known {
            let option = name.clone();
            return Err(match found {
                Driver::Local => LogOptionError::LocalOption(option),
                _ => LogOptionError::Option { option, driver: found.name() },
            });
        }
    }
    files(found, options)?;
    Attributes::check(options)?;
    Ok(found)
}

/// As [`check`], with the container that shall have them.
///
/// # Errors
/// Likewise, and when its labels and environment don't fit.
pub fn check_for(driver: &str, options: &Options, subject: &Subject<'_>) -> Result<(), LogOptionError> {
    if check(driver, options)? != Driver::None {
        let length =
            Attributes::of(subject, options).map_err(LogOptionError::Value)?.json().map_or(0, |json| json.len());
        if length > MAX_ATTRIBUTES {
            return Err(ValueError::TooLong(length).into());
        }
    }
    Ok(())
}

/// How the files of a driver are kept. The driver `none` has no files; what is said of them then means nothing.
///
/// # Errors
/// When a value makes no sense.
pub fn files(driver: Driver, options: &Options) -> Result<Files, ValueError> {
    match driver {
        Driver::JsonFile | Driver::None => json_file(options),
        Driver::Local => local(options, ""),
        Driver::Journald => local(options, CACHE),
    }
}

fn json_file(options: &Options) -> Result<Files, ValueError> {
    let mut files = JSON_FILE;
    if let Some(size) = options.get("max-size") {
        files.max_size = match max_size(size).map_err(ValueError::Size)? {
            Some(0) => return Err(ValueError::NoSize),
            size => size.unwrap_or(0),
        };
    }
    if let Some(text) = options.get("max-file") {
        files.max_files = match text.parse::<i64>() {
            Ok(..1) => return Err(ValueError::NoFile),
            Ok(number) => u32::try_from(number).unwrap_or(u32::MAX),
            Err(_) => return Err(ValueError::Number(text.clone())),
        };
    }
    if let Some(text) = options.get("compress") {
        files.compress = truth(text).ok_or_else(|| ValueError::Truth(text.clone()))?;
        if files.compress && (files.max_files == 1 || files.max_size == 0) {
            return Err(ValueError::Compress);
        }
    }
    Ok(files)
}

fn local(options: &Options, prefix: &str) -> Result<Files, ValueError> {
    let option = |name: &str| options.get(&format!("{prefix}{name}"));
    let mut files = LOCAL;
    if let Some(size) = option("max-size") {
        let parsed = max_size(size).map_err(|error| ValueError::LocalSize(size.clone(), error))?;
        files.max_size = parsed.unwrap_or(0);
    }
    if let Some(text) = option("max-file") {
        files.max_files = match text.parse::<i64>() {
            Ok(..1) => return Err(ValueError::LocalNoFile),
            Ok(number) => u32::try_from(number).unwrap_or(u32::MAX),
            Err(_) => return Err(ValueError::LocalNumber(text.clone())),
        };
    }
    if let Some(text) = option("compress") {
        files.compress = truth(text).ok_or_else(|| ValueError::LocalTruth(text.clone()))?;
    }
    if files.compress && files.max_files == 1 {
        return Err(ValueError::LocalCompress);
    }
    Ok(files)
}

/// `None`: unlimited.
fn max_size(text: &str) -> Result<Option<u64>, NotASize> {
    if text == "-1" { Ok(None) } else { size::decimal(text).map(Some) }
}

/// A truth value as Go reads it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// `k=v` of a flag, as dockerd reads it: without `=` the value is empty.
pub fn parse_flag(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests;
