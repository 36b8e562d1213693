//! The examples that close each command's `--help`.
//!
//! A reader learns a command from a line that works sooner than from its
//! options, so each text goes from the first use to the uncommon one. They are
//! apart from `args.rs` so that the shape there reads on.

pub const TARN: &str = "\
EXAMPLES
  tarn demo                                  see it work on sample logs
  tarn import ~/logs/AWSLogs                 take in a folder of CloudTrail logs
  tarn search AKIAIOSFODNN7EXAMPLE -l        in which accounts was this key used?
  tarn session AKIAIOSFODNN7EXAMPLE          what it did, and where it came from
  tarn saved list                            what to ask: a library of queries
  tarn query                                 a shell with completion
  tarn query 'stats count(*) by eventName | sort count(*) desc | limit 10'
  tarn query \"SELECT eventTime, eventName FROM events WHERE errorCode = 'AccessDenied'\"

EXIT STATUS
  0 done, 1 failed, 2 wrong usage or a query that does not compile,
  4 no rows (with -e), 130 interrupted";

pub const IMPORT: &str = "\
EXAMPLES
  tarn import ~/logs/AWSLogs                 every log below the folder, of all accounts
  tarn import 'logs/*/CloudTrail/us-east-1/2024/**/*.json.gz'
  tarn import --since 2024-05-01 --until 2024-06-01 ~/logs
  tarn import --account 111122223333 --region eu-west-1 ~/logs
  aws cloudtrail lookup-events --output json | tarn import -
  tarn import --watch ~/logs                 keep taking files as they arrive
  tarn import --dry-run ~/logs               count only

Taken, and recognised by content: CloudTrail files ({\"Records\":[...]}, gzip or
plain), NDJSON, JSON arrays, single events, output of lookup-events, EventBridge
and CloudWatch Logs envelopes, CSV results of CloudTrail Lake and Athena that
have an eventJson column.

Running the same import again reads only what is new, and nothing is stored
twice. Exit status is 0 when every file could be read; see --strict.";

pub const QUERY: &str = "\
EXAMPLES
  tarn query                                 a shell with completion and history
  tarn query 'fields @timestamp, eventName, sourceIPAddress | filter errorCode like /Denied/ | limit 20'
  tarn query --since 7d 'stats count(*) as calls by userIdentity.arn | sort calls desc'
  tarn query \"SELECT eventName, count(*) FROM events GROUP BY 1 ORDER BY 2 DESC\"
  tarn query -o csv -f report.sql > report.csv
  tarn query -p user=alice \"SELECT * FROM events WHERE userIdentity.userName = '{{user}}'\"
  tarn query -e --since 1h 'filter eventName = \"StopLogging\"' || echo 'logging was not stopped'
  tarn query --follow 'filter errorCode = \"AccessDenied\" | display @timestamp, eventName'
  echo 'stats count(*) by awsRegion' | tarn query

LANGUAGES
  SELECT, WITH, FROM or ( begins SQL in CloudTrail Lake's dialect; an Insights
  command, SOURCE or a | makes it Logs Insights QL; anything else is a search.
  FROM takes the store's name, UUID or ARN, or `events` for the chosen store.
  An empty FROM in a command line often means that the shell took the quotes:
  put the query in single quotes, or -f FILE.

FOLLOWING
  --follow prints the rows that there are, oldest first, then those of events that
  an import brings, each once and however late it is, until Ctrl-C (exit status
  130) or until there are as many as --limit says.

TIMES
  7d (ago), -24h@h (cut to the hour), now, 2024-05-01, 2024-05-01T10:00:00Z,
  seconds or milliseconds since 1970. The end is exclusive; no zone means UTC.";

pub const SEARCH: &str = "\
EXAMPLES
  tarn search AKIAIOSFODNN7EXAMPLE           every event that holds this key, newest first
  tarn search -l 198.51.100.7                the accounts where this address was seen
  tarn search -c --since 7d AccessDenied     how many
  tarn search --list-files AccessDenied      the log files that hold them, as they were delivered
  tarn search alice NOT ConsoleLogin
  tarn search 'not authorized to perform'    an argument with blanks is a phrase
  tarn search -o raw arn:aws:iam::111122223333:user/alice | jq .eventName

Words are looked for in every string and number of an event; case does not
matter. All words must occur. prefix* finds words that begin so.

On a terminal each event is a line (when, what, who, from where, account, region, eventID)
with the fields below it in which the words stand, marked; so it is with -o table.
In a pipe it is ndjson, the whole event in @message.";

pub const EVENTS_GET: &str = "\
EXAMPLES
  tarn events get 4997c1f2-5b5e-4b1c-8b1c-aaaaaaaaaaaa
  tarn events get --pretty 4997c1f2-5b5e-4b1c-8b1c-aaaaaaaaaaaa

Each event is printed with the bytes that were delivered, and a line break after
it. An id can name several events: other accounts' copies, and deliveries with
different content. Exit status is 1 when an id is not found.";

pub const FIELDS: &str = "\
EXAMPLES
  tarn fields                                every field that occurs
  tarn fields bucket                         names that hold `bucket`
  tarn fields 'requestParameters.*' --values the most frequent values of each
  tarn fields --values=20 eventName

Every field can be used by its name in both languages.";

pub const COVERAGE: &str = "\
EXAMPLES
  tarn coverage                              each account and region: from when to when, days missing
  tarn coverage --since 30d --days           day by day
  tarn coverage -o csv > coverage.csv

A gap is a day without events between the first and the last. The delay is how
long after an event the file that brought it was delivered, by the time in the
file's name.";

pub const SESSION: &str = "\
EXAMPLES
  tarn session ASIAIOSFODNN7EXAMPLE          a key: its calls, and the chain of who gave it
  tarn session arn:aws:sts::111122223333:assumed-role/Admin/alice
  tarn session Admin/alice                   the same session, in any account
  tarn session arn:aws:iam::111122223333:role/Admin       all sessions of a role
  tarn session AROAEXAMPLEROLEID000A:alice   a principal id, as in userIdentity.principalId
  tarn session 4997c1f2-5b5e-4b1c-8b1c-aaaaaaaaaaaa       what an AssumeRole gave, or who made a call
  tarn session ASIAIOSFODNN7EXAMPLE -o json | jq '.chain[].told'
  tarn session ASIAIOSFODNN7EXAMPLE -o csv > calls.csv

The table has the whole report; -o json too, as one object. The other forms have
the calls. Exit status is 1 where no event is of the session.";

pub const ACCOUNTS_LIST: &str = "\
EXAMPLES
  tarn accounts list
  tarn accounts list -o json | jq -r '.[] | select(.name == null) | .id'      not in the list
  tarn accounts list -o json | jq -r '.[] | select(.events == 0) | .name'     without events";

pub const ACCOUNTS_LOAD: &str = "\
EXAMPLES
  aws organizations list-accounts --output json | tarn accounts load -
  tarn accounts load accounts.csv
  tarn search --account shop-prod AccessDenied
  tarn query --account ou:Prod 'stats count(*) by accountName'

A CSV has a header that names its columns, in any order: id, name, and where they
are known ou, email and status. The organizational unit is a path of names:
Root/Prod. With a list loaded, --account takes names and units, and both languages
have the field accountName.";

pub const STORES_LIST: &str = "\
EXAMPLES
  tarn stores list
  tarn stores list -o json";

pub const STORES_CREATE: &str = r#"EXAMPLES
  tarn stores create audit --retention 2557
  tarn stores create writes --selectors '[{"Name": "management writes", "FieldSelectors": [
      {"Field": "eventCategory", "Equals": ["Management"]}, {"Field": "readOnly", "Equals": ["false"]}]}]'
  tarn stores create s3-events --selectors @selectors.json
  tarn import --store audit ~/logs

Selectors have the form of the CloudTrail API, and decide what an import stores."#;

pub const STORES_UPDATE: &str = "\
EXAMPLES
  tarn stores update audit --retention 365
  tarn stores update audit --name audit-2024 --termination-protection";

pub const SAVED_LIST: &str = "\
EXAMPLES
  tarn saved list
  tarn saved list --tag keys                 what there is about access keys
  tarn saved list '*login*'
  tarn saved show console-logins-without-mfa";

pub const SAVED_SHOW: &str = "\
EXAMPLES
  tarn saved show root-activity
  tarn saved show root-activity -o json";

pub const SAVED_CREATE: &str = r#"EXAMPLES
  tarn saved create logins 'filter eventName = "ConsoleLogin" | stats count(*) by userIdentity.arn'
  tarn saved create by-user -f by-user.sql --title 'What a user did' --tag audit --since 30d
  tarn saved create large --param bytes:number=1000000 \
    'filter additionalEventData.bytesTransferredOut > {{bytes}}'
  tarn saved create by-user -f by-user.sql --replace

The query must compile, and every {{name}} in it must be declared. Types: text,
number, boolean, time, account, list (a list stands in brackets: in [{{names}}] in
Insights QL, IN ({{names}}) or ARRAY[{{names}}] in SQL)."#;

pub const SAVED_RUN: &str = "\
EXAMPLES
  tarn saved run console-logins-without-mfa
  tarn saved run what-a-key-did -p key=AKIAIOSFODNN7EXAMPLE
  tarn saved run old-keys-in-use -p days=180 -o csv
  tarn saved run denied-calls --since 2024-05-01 --until 2024-06-01 --account 111122223333
  tarn saved run trails-changed -e --since 1h || echo 'all trails are as they were'

Without --since and --until the query's own time range holds. All options of
`tarn query` that say how a query is run and shown can be used.";

pub const SAVED_IMPORT: &str = "\
EXAMPLES
  tarn saved import queries/                 every .toml file of a folder
  tarn saved import --replace queries/       and overwrite those that differ
  tarn saved export --built-in > library.toml

Nothing is taken in unless everything can be: each query must compile. Queries
that are there already, word for word, stay as they are.";

pub const SAVED_EXPORT: &str = "\
EXAMPLES
  tarn saved export > queries.toml
  tarn saved export --dir queries            a file for each, to be kept in git
  tarn saved export root-activity > my-root-activity.toml";

pub const IMPORTS_LIST: &str = "\
EXAMPLES
  tarn imports list
  tarn imports show                          the newest
  tarn imports rejects 3                     what import 3 could not take, and why
  tarn imports retry 3";

pub const IMPORTS_REJECTS: &str = "\
EXAMPLES
  tarn imports rejects
  tarn imports rejects 3 -o csv
  tarn imports rejects --raw > rejected.ndjson";

pub const IMPORTS_CONFLICTS: &str = "\
EXAMPLES
  tarn imports conflicts
  tarn events get --pretty ID                look at both

The same event delivered with different content is worth a look: all of them
are kept, found and counted.";

pub const CHECK: &str = "\
EXAMPLES
  tarn check
  tarn check -o json
  tarn check --salvage

Reads everything. Exit status is 1 when something is wrong. What can be built
again is mended by `tarn reindex`. A directory that a damaged log keeps from
opening is restored from a backup; without one, --salvage copies the log aside,
takes what reads, says what may be lost, and builds the index again.";

pub const REINDEX: &str = "\
EXAMPLES
  tarn reindex
  tarn reindex --store audit

The stored events stay as they are. Queries go on meanwhile.";

pub const GENERATE: &str = "\
EXAMPLES
  tarn generate --events 1000000 --out sample
  tarn generate --events 5000 --out small --seed 3 --accounts 2
  tarn generate --events 1000000 --events-per-file 100 --out large-files
  tarn generate --events 50000 --seed 7 --out hunt --answers answers.json
  tarn import sample

The accounts are reserved numbers and every event carries a marker, so sample
events cannot be taken for real ones.";

pub const DEMO: &str = "\
EXAMPLES
  tarn demo
  tarn demo --events 1000000

Nothing is read from or written to your own data directory.";

pub const SERVE: &str = "\
EXAMPLES
  tarn serve
  tarn serve --listen 127.0.0.1:8080 --access-log
  curl -s localhost:7070/v1/query -H 'Content-Type: application/json' \\
    -d '{\"query\": \"stats count(*) by eventSource\", \"since\": \"7d\"}'
  curl -s localhost:7070/v1/events -H 'Content-Type: application/x-ndjson' \\
    --data-binary @events.ndjson
  curl -s localhost:7070/v1/imports?name=a.json.gz -H 'Content-Type: application/gzip' \\
    --data-binary @a.json.gz

/openapi.json describes every route, docs/http-api.md tells more.";

pub const COMPLETIONS: &str = "\
EXAMPLES
  tarn completions bash > ~/.local/share/bash-completion/completions/tarn
  tarn completions zsh > ~/.zfunc/_tarn
  tarn completions fish > ~/.config/fish/completions/tarn.fish";
