//! The shape of the command line: clap types and nothing that runs.
//!
//! Names here are a contract with people's scripts. The parser, `--help` and
//! the shell completions are all derived from these types; the examples that
//! close each help text are in `examples.rs`.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, ValueHint};
use tarn_query::incident::CALLS_MAX_DEFAULT;

use crate::examples;
use crate::sizes::Bytes;

/// A CloudTrail Lake that you run yourself.
///
/// Tarn keeps the CloudTrail events of many AWS accounts as delivered, makes
/// every field of them searchable, and answers SQL, Logs Insights queries and
/// free-text search.
#[derive(Debug, Parser)]
#[command(name = "tarn", version, after_help = examples::TARN, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The data directory [default: the platform's data folder, e.g. ~/.local/share/tarn]
    #[arg(long, global = true, env = "TARN_DATA", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub data: Option<PathBuf>,
    /// A server to ask in place of a data directory, e.g. http://127.0.0.1:7070 [env: TARN_SERVER, unless --data is given]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url)]
    pub server: Option<String>,
    /// Memory to use at most, e.g. 2GiB or 512MB [default: 2GiB, or half of the machine's if that is less]
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory: Option<Bytes>,
    /// Threads to use [default: one for each core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Say less: no progress, no notes
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more (-vv: even more)
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// When to use colours (NO_COLOR is honoured)
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub color: ColorWhen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take in CloudTrail logs: files, folders, globs, or - for stdin
    #[command(after_help = examples::IMPORT)]
    Import(ImportArgs),
    /// Ask in SQL or Logs Insights QL; without a query on a terminal: a shell
    #[command(after_help = examples::QUERY)]
    Query(QueryArgs),
    /// Find words anywhere in the events
    #[command(after_help = examples::SEARCH)]
    Search(SearchArgs),
    /// Events as they were delivered
    #[command(subcommand)]
    Events(EventsCommand),
    /// What can be asked: each field's name, type and share of events
    #[command(after_help = examples::FIELDS)]
    Fields(FieldsArgs),
    /// What is there: first and last event, gaps, delay and rejects by account and region
    #[command(after_help = examples::COVERAGE)]
    Coverage(CoverageArgs),
    /// The calls of one session in order, who it is, and who gave it its credentials
    #[command(after_help = examples::SESSION)]
    Session(SessionArgs),
    /// Event data stores: named collections with selectors and retention
    #[command(subcommand)]
    Stores(StoresCommand),
    /// Queries with names: a library of built-in ones, and your own
    #[command(subcommand)]
    Saved(SavedCommand),
    /// Names and organizational units of accounts
    #[command(subcommand)]
    Accounts(AccountsCommand),
    /// What each import brought, left out and could not take
    #[command(subcommand)]
    Imports(ImportsCommand),
    /// Take events and answer queries over HTTP, on this machine only
    #[command(after_help = examples::SERVE)]
    Serve(ServeArgs),
    /// Verify counts and checksums of the data directory
    #[command(after_help = examples::CHECK)]
    Check(CheckArgs),
    /// Rebuild the search index from the stored events
    #[command(after_help = examples::REINDEX)]
    Reindex(ReindexArgs),
    /// Write realistic sample logs of many accounts, with an incident hidden in them
    #[command(after_help = examples::GENERATE)]
    Generate(GenerateArgs),
    /// Show what Tarn does on sample logs, in a directory of its own
    #[command(after_help = examples::DEMO)]
    Demo(DemoArgs),
    /// Print the completions of a shell
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The address to listen on; a loopback one, because there are no access keys yet
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    pub listen: std::net::SocketAddr,
    /// The event data store that a query reads when it names none
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    /// Seconds that a query may take at most
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub timeout: u64,
    /// Seconds that a client may be silent in the middle of a request
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    pub idle: u64,
    /// Seconds that requests may go on once the server is to stop
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub grace: u64,
    /// Days that results of queries started with `POST /v1/queries` are kept
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=36_500))]
    pub results_days: u64,
    /// What those results may take on disk
    #[arg(long, value_name = "SIZE", default_value = "10G")]
    pub results_size: Bytes,
    /// Write a line of JSON to stderr for each request
    #[arg(long)]
    pub access_log: bool,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Files, folders (walked), quoted globs, or - for stdin
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// The event data store that takes the events; `default` is made by the first import
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    /// Stay, and take files as they appear, until Ctrl-C
    #[arg(long, conflicts_with = "dry_run")]
    pub watch: bool,
    /// Read and count everything, store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Read files again that an earlier import has taken unchanged
    #[arg(long)]
    pub force: bool,
    /// Exit with 1 when any record is rejected
    #[arg(long)]
    pub strict: bool,
    /// Only files whose path names this day or a later one
    #[arg(long, alias = "start", value_name = "TIME")]
    pub since: Option<String>,
    /// Only files whose path names a day before this time
    #[arg(long, alias = "end", value_name = "TIME")]
    pub until: Option<String>,
    /// Only files whose path names this account (repeatable)
    #[arg(long, value_name = "ID")]
    pub account: Vec<String>,
    /// Only files whose path names this region (repeatable)
    #[arg(long, value_name = "NAME")]
    pub region: Vec<String>,
    /// Form of the summary
    #[arg(short, long, visible_alias = "format", value_enum, value_name = "FORMAT", default_value_t = SummaryFormat::Text)]
    pub output: SummaryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SummaryFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The query; without one, a shell on a terminal, else stdin
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    pub text: Option<String>,
    /// Read the query from a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// The language of the query
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = LanguageChoice::Auto)]
    pub lang: LanguageChoice,
    /// A value for {{KEY}} in the query (repeatable)
    #[arg(short, long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    pub param: Vec<(String, String)>,
    /// Go on with the events that arrive, until Ctrl-C: for rows as they are, not for
    /// counts, orders or limits
    #[arg(long, conflicts_with_all = ["explain", "profile", "exit_status", "timeout"])]
    pub follow: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LanguageChoice {
    Auto,
    Sql,
    Insights,
}

#[derive(Debug, Args)]
pub struct SearchArgs {
    /// What the events must hold: words, "quoted phrases", prefix*, AND, OR, NOT, ( )
    #[arg(required = true, value_name = "WORDS")]
    pub words: Vec<String>,
    /// Print only how many events match
    #[arg(short, long, conflicts_with_all = ["list_accounts", "list_files"])]
    pub count: bool,
    /// List the accounts with matching events: how many, first and last
    #[arg(short, long = "list-accounts", conflicts_with = "list_files")]
    pub list_accounts: bool,
    /// List the log files that brought matching events: how many, first and last
    #[arg(long = "list-files", visible_alias = "files")]
    pub list_files: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

/// How a query is run and shown.
#[derive(Debug, Clone, Default, Args)]
pub struct RunArgs {
    /// The event data store to ask: name, UUID or ARN
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    /// Only events at or after this time: 7d, -24h@h, 2024-05-01, 2024-05-01T10:00:00Z
    #[arg(long, alias = "start", value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only events before this time
    #[arg(long, alias = "end", value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// The zone of times without one, and of bin() [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Only events of this account: its id or name, or an organizational unit (repeatable)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,
    /// Return at most so many rows
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Give up after this time: 30s, 5m
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
    /// Form of the result [default: table on a terminal, else ndjson]
    #[arg(
        short,
        long,
        visible_alias = "format",
        value_enum,
        value_name = "FORMAT"
    )]
    pub output: Option<OutputFormat>,
    /// In csv and tsv, keep spreadsheets from taking a value for a formula
    #[arg(long)]
    pub csv_safe: bool,
    /// Print how the query is understood and planned; do not run it
    #[arg(long, conflicts_with = "profile")]
    pub explain: bool,
    /// Run, then report on stderr what was pruned and read
    #[arg(long)]
    pub profile: bool,
    /// Exit with 4 when there are no rows
    #[arg(short = 'e', long = "exit-status")]
    pub exit_status: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// Columns that fit the terminal
    Table,
    /// One field a line
    Line,
    /// One JSON array
    Json,
    /// One JSON object a line
    Ndjson,
    Csv,
    Tsv,
    /// An Arrow IPC stream
    Arrow,
    /// Whole events as delivered, one a line
    Raw,
}

#[derive(Debug, Subcommand)]
pub enum EventsCommand {
    /// Every event with one of these ids, byte for byte as delivered
    #[command(after_help = examples::EVENTS_GET)]
    Get(EventsGetArgs),
}

#[derive(Debug, Args)]
pub struct EventsGetArgs {
    /// Event ids (eventID)
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// Only in this event data store [default: all]
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
    /// Only events of this account: its id or name, or an organizational unit (repeatable)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,
    /// Indent the JSON, and say on stderr where each event came from
    #[arg(long)]
    pub pretty: bool,
}

#[derive(Debug, Args)]
pub struct FieldsArgs {
    /// Only fields whose name holds this text, or matches it where it has * or ?; case does not matter
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Show the most frequent values of each field, N of them
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "5", require_equals = true,
          value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub values: Option<u16>,
    /// The event data store: name, UUID or ARN
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    /// Only events of this account: its id or name, or an organizational unit (repeatable)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Subcommand)]
pub enum SavedCommand {
    /// All saved queries, the built-in ones among them
    #[command(visible_alias = "ls", after_help = examples::SAVED_LIST)]
    List(SavedListArgs),
    /// One query, whole: what it asks, what a hit means, its parameters and text
    #[command(after_help = examples::SAVED_SHOW)]
    Show(SavedShowArgs),
    /// Save a query under a name
    #[command(after_help = examples::SAVED_CREATE)]
    Create(Box<SavedCreateArgs>),
    /// Delete a query that was saved
    Delete(SavedDeleteArgs),
    /// Ask a saved query
    #[command(after_help = examples::SAVED_RUN)]
    Run(SavedRunArgs),
    /// Save the queries of TOML files, all or none
    #[command(after_help = examples::SAVED_IMPORT)]
    Import(SavedImportArgs),
    /// Print saved queries as TOML, or write a file for each
    #[command(after_help = examples::SAVED_EXPORT)]
    Export(SavedExportArgs),
}

#[derive(Debug, Args)]
pub struct SavedListArgs {
    /// Only queries whose name or title holds this text, or matches it where it has * or ?; case does not matter
    #[arg(value_name = "PATTERN")]
    pub pattern: Option<String>,
    /// Only queries with this tag (repeatable: with all of them)
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct SavedShowArgs {
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct SavedCreateArgs {
    /// The name: a letter, then letters, digits, dots, underscores and hyphens
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The query; without one, it is read from stdin
    #[arg(value_name = "TEXT", conflicts_with = "file")]
    pub text: Option<String>,
    /// Read the query from a file
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
    /// The language of the query
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t = LanguageChoice::Auto)]
    pub lang: LanguageChoice,
    /// What it asks, in a line
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// What it asks, in more than a line
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// What a row of the result means
    #[arg(long, value_name = "TEXT")]
    pub hit_means: Option<String>,
    /// What gives rows that mean nothing
    #[arg(long, value_name = "TEXT")]
    pub false_positives: Option<String>,
    /// An ATT&CK technique: T1078 or T1078.004
    #[arg(long, value_name = "ID")]
    pub technique: Option<String>,
    /// A word to find it by (repeatable)
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// The time that it begins at unless another is given: 7d, 2024-05-01
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// The time that it ends before unless another is given
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// A parameter of the text, {{NAME}}; types: text, number, boolean, time, account, list (repeatable)
    #[arg(long, value_name = "NAME[:TYPE][=DEFAULT]")]
    pub param: Vec<String>,
    /// Overwrite a query of the same name
    #[arg(long)]
    pub replace: bool,
}

#[derive(Debug, Args)]
pub struct SavedDeleteArgs {
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct SavedRunArgs {
    #[arg(value_name = "NAME")]
    pub name: String,
    /// A value for a parameter of the query (repeatable)
    #[arg(short, long = "param", value_name = "KEY=VALUE", value_parser = key_value)]
    pub param: Vec<(String, String)>,
    /// Go on with the events that arrive, until Ctrl-C: for rows as they are, not for
    /// counts, orders or limits
    #[arg(long, conflicts_with_all = ["explain", "profile", "exit_status", "timeout"])]
    pub follow: bool,
    #[command(flatten)]
    pub run: RunArgs,
}

#[derive(Debug, Args)]
pub struct SavedImportArgs {
    /// Files, folders (their .toml files), or - for stdin
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub files: Vec<PathBuf>,
    /// Overwrite queries of the same names
    #[arg(long)]
    pub replace: bool,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct SavedExportArgs {
    /// Only these, built-in ones too [default: all that were saved]
    #[arg(value_name = "NAME", conflicts_with = "built_in")]
    pub names: Vec<String>,
    /// All built-in ones
    #[arg(long)]
    pub built_in: bool,
    /// Write a file for each query into this folder
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// How a list is shown.
#[derive(Debug, Clone, Args)]
pub struct ListingArgs {
    /// Form of the list [default: table on a terminal, else ndjson]
    #[arg(
        short,
        long,
        visible_alias = "format",
        value_enum,
        value_name = "FORMAT"
    )]
    pub output: Option<ListingFormat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListingFormat {
    Table,
    Line,
    Json,
    Ndjson,
    Csv,
    Tsv,
}

#[derive(Debug, Args)]
pub struct CoverageArgs {
    /// Only events at or after this time: 30d, 2024-05-01
    #[arg(long, alias = "start", value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only events before this time
    #[arg(long, alias = "end", value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only this account: its id or name, or an organizational unit (repeatable)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,
    /// One row for each day, days without events included
    #[arg(long)]
    pub days: bool,
    /// The event data store: name, UUID or ARN
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct SessionArgs {
    /// An access key id, an ARN, ROLE/SESSION, a principal id (AROA…:name), or an eventID
    #[arg(value_name = "ID")]
    pub id: String,
    /// Only calls at or after this time: 7d, 2024-05-01, 2024-05-01T10:00:00Z
    #[arg(long, alias = "start", value_name = "TIME", allow_hyphen_values = true)]
    pub since: Option<String>,
    /// Only calls before this time
    #[arg(long, alias = "end", value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Only events of this account, the chain's among them: its id or name, or an organizational unit (repeatable)
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Vec<String>,
    /// Show so many calls, the first ones; 10000 at most
    #[arg(long, value_name = "N", default_value_t = CALLS_MAX_DEFAULT)]
    pub limit: usize,
    /// The event data store: name, UUID or ARN
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Subcommand)]
pub enum StoresCommand {
    /// All event data stores
    #[command(visible_alias = "ls", after_help = examples::STORES_LIST)]
    List(ListingArgs),
    /// One event data store, whole
    Show(StoreShowArgs),
    /// Make an event data store
    #[command(after_help = examples::STORES_CREATE)]
    Create(StoreCreateArgs),
    /// Change an event data store; what it holds stays
    #[command(after_help = examples::STORES_UPDATE)]
    Update(StoreUpdateArgs),
    /// Delete an event data store with its events; it can be restored for seven days
    Delete(StoreDeleteArgs),
    /// Bring a deleted event data store back
    Restore(StoreRestoreArgs),
}

#[derive(Debug, Args)]
pub struct StoreShowArgs {
    /// Name, UUID or ARN
    #[arg(value_name = "NAME")]
    pub store: String,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct StoreCreateArgs {
    /// The name: 3 to 128 letters, digits, dots, underscores or hyphens
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Expire events so many days after their time, 7 to 3653 [default: never]
    #[arg(long, value_name = "DAYS")]
    pub retention: Option<u32>,
    /// Advanced event selectors as JSON, or @FILE [default: every event]
    #[arg(long, value_name = "JSON")]
    pub selectors: Option<String>,
    /// Refuse to delete it until this is taken off
    #[arg(long)]
    pub termination_protection: bool,
}

#[derive(Debug, Args)]
pub struct StoreUpdateArgs {
    /// Name, UUID or ARN
    #[arg(value_name = "NAME")]
    pub store: String,
    /// Give it a new name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Expire events so many days after their time, or `never`
    #[arg(long, value_name = "DAYS|never")]
    pub retention: Option<Retention>,
    /// Advanced event selectors as JSON, or @FILE; they apply to imports from now on
    #[arg(long, value_name = "JSON")]
    pub selectors: Option<String>,
    /// Refuse to delete it from now on
    #[arg(long, overrides_with = "no_termination_protection")]
    pub termination_protection: bool,
    /// Allow to delete it again
    #[arg(long)]
    pub no_termination_protection: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// How long a store keeps events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retention {
    Days(u32),
    Never,
}

impl std::str::FromStr for Retention {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self::Never);
        }
        match text.parse() {
            Ok(days) if days > 0 => Ok(Self::Days(days)),
            _ => Err("a number of days, or `never`".to_owned()),
        }
    }
}

#[derive(Debug, Args)]
pub struct StoreDeleteArgs {
    /// Name, UUID or ARN
    #[arg(value_name = "NAME")]
    pub store: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct StoreRestoreArgs {
    /// Name, UUID or ARN
    #[arg(value_name = "NAME")]
    pub store: String,
}

#[derive(Debug, Subcommand)]
pub enum AccountsCommand {
    /// Accounts that are known and accounts that have events: where one is missing in the other shows
    #[command(visible_alias = "ls", after_help = examples::ACCOUNTS_LIST)]
    List(AccountsListArgs),
    /// Take a list of accounts in the place of the one before
    #[command(after_help = examples::ACCOUNTS_LOAD)]
    Load(AccountsLoadArgs),
}

#[derive(Debug, Args)]
pub struct AccountsListArgs {
    /// The event data store whose events are counted: name, UUID or ARN
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub store: String,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct AccountsLoadArgs {
    /// Output of `aws organizations list-accounts`, a CSV with a header, or - for stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum ImportsCommand {
    /// All imports, newest first
    #[command(visible_alias = "ls", after_help = examples::IMPORTS_LIST)]
    List(ListingArgs),
    /// One import: its sums and its files
    Show(ImportShowArgs),
    /// What could not be taken: where, and why
    #[command(after_help = examples::IMPORTS_REJECTS)]
    Rejects(RejectsArgs),
    /// Events of the same time, account and id but different content
    #[command(after_help = examples::IMPORTS_CONFLICTS)]
    Conflicts(ConflictsArgs),
    /// Read again the files of an import that failed or held rejects
    Retry(ImportRetryArgs),
}

#[derive(Debug, Args)]
pub struct ImportShowArgs {
    /// The import's number [default: the newest]
    #[arg(value_name = "IMPORT")]
    pub import: Option<u64>,
    /// List its files as well
    #[arg(long)]
    pub files: bool,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct RejectsArgs {
    /// The import's number [default: all]
    #[arg(value_name = "IMPORT")]
    pub import: Option<u64>,
    /// Write the rejected bytes to stdout instead, one record a line
    #[arg(long)]
    pub raw: bool,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct ConflictsArgs {
    /// The import's number [default: all]
    #[arg(value_name = "IMPORT")]
    pub import: Option<u64>,
    #[command(flatten)]
    pub listing: ListingArgs,
}

#[derive(Debug, Args)]
pub struct ImportRetryArgs {
    /// The import's number [default: the newest]
    #[arg(value_name = "IMPORT")]
    pub import: Option<u64>,
    /// Exit with 1 when any record is rejected
    #[arg(long)]
    pub strict: bool,
    /// Form of the summary
    #[arg(short, long, visible_alias = "format", value_enum, value_name = "FORMAT", default_value_t = SummaryFormat::Text)]
    pub output: SummaryFormat,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Save what can be read where a damaged log keeps the directory from opening
    #[arg(long, conflicts_with = "output")]
    pub salvage: bool,
    /// Form of the report
    #[arg(short, long, visible_alias = "format", value_enum, value_name = "FORMAT", default_value_t = SummaryFormat::Text)]
    pub output: SummaryFormat,
}

#[derive(Debug, Args)]
pub struct ReindexArgs {
    /// Only this event data store [default: all]
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
}

#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// How many events
    #[arg(long, value_name = "N")]
    pub events: u64,
    /// A new or empty folder for the logs
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// The same seed makes the same logs
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// How many accounts
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub accounts: u32,
    /// About so many events in each file [default: as AWS delivers them, 1 to 600, 8 on average]
    #[arg(long, value_name = "N")]
    pub events_per_file: Option<u32>,
    /// How many days the logs span
    #[arg(long, value_name = "N", default_value_t = 31)]
    pub days: u32,
    /// The day after the last (UTC)
    #[arg(long, value_name = "DATE", default_value = "2026-11-01")]
    pub end: chrono::NaiveDate,
    /// Write what is hidden in the logs to this file, to compare an investigation with
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub answers: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to work [default: tarn-demo in the platform's cache folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
    /// How many events
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    pub events: u64,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("KEY=VALUE is wanted, e.g. user=alice".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_may_begin_with_a_hyphen() {
        let cli = Cli::try_parse_from(["tarn", "query", "--since", "-24h@h", "-p", "a=b=c", "x"])
            .unwrap();
        let Command::Query(query) = cli.command else {
            panic!()
        };
        assert_eq!(query.run.since.as_deref(), Some("-24h@h"));
        assert_eq!(query.param, [("a".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn values_takes_its_number_only_after_an_equals_sign() {
        let cli = Cli::try_parse_from(["tarn", "fields", "--values", "user*"]).unwrap();
        let Command::Fields(fields) = cli.command else {
            panic!()
        };
        assert_eq!(
            (fields.values, fields.pattern.as_deref()),
            (Some(5), Some("user*"))
        );
    }
}
