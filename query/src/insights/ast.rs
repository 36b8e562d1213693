//! The syntax tree of the piped language: one variant per command, spans on every node.
//!
//! The tree says what was typed, not what it means: names are not resolved, functions
//! not known, types not checked. Spellings of one thing (`filter` and `where`, `head`
//! and `limit`, `.0` in any blank space) are one tree.
//!
//! **Source**: the CloudWatch Logs user guide, pages CWL_QuerySyntax-*. `search`, time
//! bounds inside a query, `is null` and `fields *` are Tarn's own.

use crate::search::{FieldRef, Period, Regex, Search, Segment, TimeModifier};
use crate::span::Spanned;

/// Commands in order, each working on the rows of the one before.
///
/// **Shape**: at least one command. `Source` and `Search` come before all others.
#[derive(Clone, Debug, PartialEq)]
pub struct Pipeline {
    pub commands: Vec<Command>,
}

pub type Command = Spanned<CommandKind>;

#[derive(Clone, Debug, PartialEq)]
pub enum CommandKind {
    // Which events
    /// `SOURCE name …`: the stores to read, and when.
    Source(Source),
    /// `search …`, or the bare words that a pipeline opens with.
    Search(Search),
    /// `filter` and `where`.
    Filter(Expr),
    /// `filterIndex`: a filter that AWS answers only from an index.
    FilterIndex(Expr),

    // Which columns
    /// `fields`: adds columns, and shows them unless a `display` does otherwise.
    Fields(Vec<Projection>),
    /// `display`: shows just these.
    Display(Vec<Projection>),
    /// `unmask`: shows fields that data protection masks.
    Unmask(Vec<Projection>),
    Parse(Parse),
    JsonField(JsonField),

    // Which rows
    Stats(Stats),
    Sort(Vec<SortKey>),
    Limit(Limit),
    /// `dedup a, b`: the first row of each combination.
    Dedup(Vec<Spanned<FieldRef>>),
    Unnest(Unnest),
    /// `expand field`: one row for each element.
    Expand(Spanned<FieldRef>),

    // With other data
    Join(Join),
    Lookup(Lookup),
    CidrLookup(CidrLookup),
    AppendCols(AppendCols),

    // What stands out
    /// `pattern expr`: the texts by their common shape.
    Pattern(Expr),
    /// `anomaly`: what is unusual among the rows of `pattern`.
    Anomaly,
    /// `diff`: patterns now against those of an earlier, equally long time.
    Diff(Option<DiffAgainst>),
    /// `logcompare timeshift 7d`.
    LogCompare(Spanned<Period>),
    RelevantFields(RelevantFields),
    /// `countFrequent a, b`: about how often the most frequent values occur.
    CountFrequent(Vec<Spanned<FieldRef>>),
    Outlier(Outlier),

    // Along the rows
    Sessionize(Sessionize),
    AutoRegress(AutoRegress),
    Accum(Accum),
    /// `filldown f*, g`: the last value that was not missing. Empty: every column.
    FillDown(Vec<Spanned<String>>),
    /// `fillmissing with 0 for a, b`: rows for empty time bins.
    FillMissing(Vec<Fill>),
    AddTotals(AddTotals),

    /// `estimate`: how much would be read.
    Estimate,
}

// ------------------------------------------------------------------ expressions

pub type Expr = Spanned<ExprKind>;

#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    Literal(Literal),
    /// `5m`, in `bin(5m)` and wherever a time is reckoned with.
    Period(Period),
    Field(FieldRef),
    /// `{{name}}`, which a saved query's caller fills in.
    Parameter(String),
    Call(Call),
    /// A path into what a function returned: `jsonParse(@message).user[0]`.
    Access {
        base: Box<Expr>,
        path: Vec<Segment>,
    },

    /// All of them; at least two.
    And(Vec<Expr>),
    /// Any of them; at least two.
    Or(Vec<Expr>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    Arithmetic {
        op: ArithmeticOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Compare {
        op: CompareOp,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `like "text"`, `like /regex/` and `=~ /regex/`, which are one test.
    Like {
        value: Box<Expr>,
        negated: bool,
        pattern: Pattern,
    },
    In {
        value: Box<Expr>,
        negated: bool,
        set: Set,
    },
    /// `is null`, which is what `not ispresent(…)` says.
    IsNull {
        value: Box<Expr>,
        negated: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Text(String),
    Number(Number),
    Boolean(bool),
    Null,
}

/// A number as typed, because account ids have leading zeros and ids pass 2^53.
/// A sign is a part of it only where no expression can stand.
#[derive(Clone, Debug, PartialEq)]
pub struct Number {
    text: String,
}

impl Number {
    /// Takes digits with an optional fraction and exponent.
    pub(super) fn new(text: &str) -> Number {
        Number { text: text.into() }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value, where it is a whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.text.parse().ok()
    }

    /// The nearest double.
    pub fn as_f64(&self) -> f64 {
        // The grammar lets through digits that Rust reads too; too large is infinite.
        self.text.parse().unwrap_or(f64::INFINITY)
    }
}

/// A function's call, its name as typed. Names are told apart without regard to case.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub function: Spanned<String>,
    pub arguments: Arguments,
}

impl Call {
    /// Whether this calls a function of that name, in any case.
    pub fn is(&self, name: &str) -> bool {
        self.function.eq_ignore_ascii_case(name)
    }

    /// The arguments; none for `count(*)`.
    pub fn list(&self) -> &[Expr] {
        match &self.arguments {
            Arguments::Star => &[],
            Arguments::List(list) => list,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Arguments {
    /// `count(*)`.
    Star,
    List(Vec<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    /// `^`, grouping from the right.
    Power,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// A text to find inside the value, letter for letter: no wildcards.
    Substring(Box<Expr>),
    Regex(Spanned<Regex>),
}

/// The right side of `in`.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    List(Vec<Expr>),
    /// The first column of another query.
    Subquery(Box<Pipeline>),
}

/// An expression with the name that `as` gives it.
///
/// Without one the column is named by the expression's own text (`count(*)`).
#[derive(Clone, Debug, PartialEq)]
pub struct NamedExpr {
    pub expr: Expr,
    pub alias: Option<Name>,
}

/// The name of a new column, without backticks or quotes.
pub type Name = Spanned<String>;

#[derive(Clone, Debug, PartialEq)]
pub enum Projection {
    /// `*`: every column.
    All,
    Expr(NamedExpr),
}

// --------------------------------------------------- commands of the first tier

#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    pub items: Vec<SourceItem>,
    pub time: Vec<Spanned<TimeModifier>>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SourceItem {
    /// A store by name, UUID or ARN.
    Store(Name),
    /// `logGroups(namePrefix: ['/a'])`, `dataSource(['b'])`.
    Selector {
        function: Spanned<String>,
        arguments: Vec<SelectorArgument>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct SelectorArgument {
    pub name: Option<Spanned<String>>,
    pub value: Spanned<SelectorValue>,
}

/// A value as in JSON, in either kind of quotes.
#[derive(Clone, Debug, PartialEq)]
pub enum SelectorValue {
    Literal(Literal),
    List(Vec<Spanned<SelectorValue>>),
    Object(Vec<(Spanned<String>, Spanned<SelectorValue>)>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// At least one. A later one may use the alias of an earlier one.
    pub aggregates: Vec<NamedExpr>,
    pub by: Vec<NamedExpr>,
    /// Shifts the bins of `by bin(…)`.
    pub offset: Option<Spanned<Period>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    pub expr: Expr,
    pub direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The default.
    Ascending,
    Descending,
}

/// `limit`, `head` and `tail`, which AWS takes for one.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub rows: Spanned<u64>,
    /// `limit any`: whichever rows come first.
    pub any: bool,
}

/// `parse`: new columns out of a text. Rows that do not match keep none of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Parse {
    /// Where to read; `@message` when left out.
    pub input: Option<Spanned<FieldRef>>,
    pub method: ParseMethod,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ParseMethod {
    /// `"user=* role=*" as a, b`: as many names as stars.
    Glob {
        pattern: Spanned<String>,
        names: Vec<Name>,
    },
    /// `/(?<a>…)/`, its columns named by its groups or, in order, by `names`.
    Regex {
        pattern: Spanned<Regex>,
        names: Vec<Name>,
        /// One row for each match.
        multi: bool,
    },
    Logfmt {
        name: Name,
    },
    Csv {
        names: Vec<Name>,
    },
}

/// `json field=f "a.b" as x`.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonField {
    pub input: Spanned<FieldRef>,
    pub path: Spanned<String>,
    pub name: Name,
}

/// `unnest expr into name`.
#[derive(Clone, Debug, PartialEq)]
pub struct Unnest {
    pub list: Expr,
    pub name: Name,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiffAgainst {
    PreviousDay,
    PreviousWeek,
    PreviousMonth,
}

/// `join type=left left=a right=b where a.k = b.k (…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    pub kind: JoinKind,
    /// The names by which `condition` tells the sides apart.
    pub left: Option<Name>,
    pub right: Option<Name>,
    pub condition: Expr,
    pub other: Box<Pipeline>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoinKind {
    /// The default.
    Inner,
    Left,
}

/// `lookup table key as field OUTPUT column as name`.
#[derive(Clone, Debug, PartialEq)]
pub struct Lookup {
    pub table: Name,
    pub keys: Vec<LookupKey>,
    pub output: LookupOutput,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LookupKey {
    pub column: Name,
    /// The event's field that is looked up; one of the same name when left out.
    pub field: Option<Spanned<FieldRef>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LookupOutput {
    /// `OUTPUTNEW`: values that are already there stay.
    pub only_new: bool,
    pub columns: Vec<(Name, Option<Name>)>,
}

/// `cidrlookup table address as range OUTPUT column`.
#[derive(Clone, Debug, PartialEq)]
pub struct CidrLookup {
    pub table: Name,
    pub address: Spanned<FieldRef>,
    /// The table's column of networks.
    pub network_column: Option<Name>,
    pub output: LookupOutput,
}

// -------------------------------------------------- commands of the second tier

/// `appendcols override=false max=10000 (…)`.
#[derive(Clone, Debug, PartialEq)]
pub struct AppendCols {
    pub overwrite: bool,
    pub rows_max: Option<Spanned<u64>>,
    pub other: Box<Pipeline>,
}

/// `relevantfields a, b where cond`.
#[derive(Clone, Debug, PartialEq)]
pub struct RelevantFields {
    /// Empty: all of them.
    pub fields: Vec<Spanned<FieldRef>>,
    pub condition: Expr,
}

/// `outlier action=remove param=2.5 uselower=false mark=false a b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlier {
    pub action: OutlierAction,
    /// How many interquartile ranges away is too far; 2.5 when left out.
    pub range_factor: Option<Spanned<Number>>,
    pub use_lower: bool,
    pub mark: bool,
    pub fields: Vec<Spanned<FieldRef>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutlierAction {
    /// The default: brings the value to the bound.
    Transform,
    Remove,
}

/// `sessionize a, b maxspan 30m as session_id`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessionize {
    pub keys: Vec<Spanned<FieldRef>>,
    pub max_span: Option<Spanned<Period>>,
    pub name: Option<Name>,
}

/// `autoregress f as a p=1-3`.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoRegress {
    pub field: Spanned<FieldRef>,
    pub name: Option<Name>,
    /// First and last lag; 1 when left out.
    pub lags: Option<Spanned<(u32, u32)>>,
}

/// `accum f as total`.
#[derive(Clone, Debug, PartialEq)]
pub struct Accum {
    pub field: Spanned<FieldRef>,
    pub name: Option<Name>,
}

/// `0 for a, b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fill {
    pub value: Spanned<Literal>,
    pub fields: Vec<Spanned<FieldRef>>,
}

/// `addtotals fieldname=Total row=true col=false a, b`.
#[derive(Clone, Debug, PartialEq)]
pub struct AddTotals {
    pub name: Option<Name>,
    pub row: bool,
    pub column: bool,
    /// Empty: every column of numbers.
    pub fields: Vec<Spanned<FieldRef>>,
}
