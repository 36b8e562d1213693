//! Why a text is no query, and what its writer may have meant.
//!
//! A PEG parser knows only the furthest place where nothing matched. The checks here
//! look at the tokens around that place for the mistakes that people make, the surest
//! first; what none of them recognises is told as what stands there and what should.
//! A mistake that lies behind that place was never reached and is not reported.

use super::scene::{Failure, Scene};
use super::tokens::{Token, TokenKind, tokens};
use super::vocabulary::{command_named, nearest_command};
use crate::search::RESERVED;
use crate::span::Span;
use crate::syntax::SyntaxError;

/// The forms of a time, for hints.
pub(super) const TIME_FORMS: &str =
    "write `-24h`, `-7d@d`, `now`, `2026-01-31`, `\"2026-01-31 12:00\"` or an epoch number";

/// A first word that was perhaps meant for a command.
pub(super) struct Typo {
    pub error: SyntaxError,
    /// The text with that command in its place.
    pub corrected: String,
}

/// Explains why a text is no pipeline.
pub(super) fn pipeline(text: &str, failure: &Failure) -> SyntaxError {
    let (at, expected) = match failure {
        Failure::Unexpected { at, expected } => (*at, expected),
        Failure::Limit { at, message } => return limit(*at, message),
    };
    let tokens = tokens(text);
    let scene = Scene::new(text, &tokens, at, expected);
    let checks: [fn(&Scene<'_>) -> Option<SyntaxError>; 13] = [
        sql_clause,
        unclosed,
        brackets,
        doubled_or_foreign_sign,
        empty_stage,
        unknown_command,
        missing_pipe,
        missing_by,
        distinct,
        colon,
        broken_word,
        reserved_word,
        missing_comma_or_quotes,
    ];
    checks
        .iter()
        .find_map(|check| check(&scene))
        .unwrap_or_else(|| unexpected(&scene))
}

/// Explains why a text is no search.
pub(super) fn search(text: &str, failure: &Failure) -> SyntaxError {
    let (at, expected) = match failure {
        Failure::Unexpected { at, expected } => (*at, expected),
        Failure::Limit { at, message } => return limit(*at, message),
    };
    let tokens = tokens(text);
    let scene = Scene::new(text, &tokens, at, expected);
    let pipe = scene.here().filter(|token| token.kind == TokenKind::Pipe);
    if let Some(pipe) = pipe {
        return SyntaxError::new(pipe.span, "a search has no `|`")
            .hint("run it as a query to go on with commands, or put the text in quotes");
    }
    unclosed(&scene)
        .or_else(|| brackets(&scene))
        .unwrap_or_else(|| unexpected(&scene))
}

/// A whole statement of SQL, which bare words might otherwise pass for.
pub(super) fn sql_statement(text: &str) -> Option<SyntaxError> {
    let tokens = tokens(text);
    let first = tokens.first()?.span;
    let is = |span: Span, word: &str| span.of(text).eq_ignore_ascii_case(word);
    let has = |word: &str| tokens.iter().any(|token| is(token.span, word));
    if !(is(first, "select") && has("from") || is(first, "with") && has("select")) {
        return None;
    }
    let error = SyntaxError::new(first, "this is SQL, but it is read as a pipeline");
    Some(error.hint(
        "choose SQL as the language, or write `fields …`, `filter …`, `stats … by …` with `|` between; `search select …` looks for the words",
    ))
}

/// The command that bare words may have been meant to open with, and only nearly do.
pub(super) fn mistyped_opening(text: &str) -> Option<Typo> {
    let tokens = tokens(text);
    let after_pipe = |from: usize| {
        let pipe = tokens
            .iter()
            .skip(from)
            .position(|t| t.kind == TokenKind::Pipe)?;
        Some(from + pipe + 1)
    };
    let opens = |index: usize, kind: TokenKind| tokens.get(index).is_some_and(|t| t.kind == kind);
    let mut opening = usize::from(opens(0, TokenKind::Pipe));
    // After SOURCE the next command may be the mistyped one.
    let is_source = |token: &Token| token.span.of(text).eq_ignore_ascii_case("source");
    while tokens.get(opening).is_some_and(is_source) {
        opening = after_pipe(opening)?;
    }
    let token = tokens.get(opening).filter(|t| t.kind == TokenKind::Word)?;
    let word = token.span.of(text);
    let nearest = nearest_command(word)?;
    let before = text.get(..token.span.start)?;
    let after = text.get(token.span.end..)?;
    // The rest of a longer word, as in `filter-x` or `limits:5`, is no operand.
    if !after.is_empty() && !after.starts_with(char::is_whitespace) {
        return None;
    }
    Some(Typo {
        error: SyntaxError::new(token.span, format!("unknown command `{word}`")).hint(format!(
            "did you mean `{}`? To look for the word, write `search {word} …`",
            nearest.name
        )),
        corrected: format!("{before}{}{after}", nearest.name),
    })
}

/// Where a text that is read as SQL goes on as a pipeline: the `|` before a command.
///
/// For the SQL front end, whose own error would only say that `|` is unexpected.
pub fn pipeline_in_sql(sql: &str) -> Option<Span> {
    let tokens = tokens(sql);
    tokens.windows(2).find_map(|pair| match pair {
        [pipe, word] if pipe.kind == TokenKind::Pipe && word.kind == TokenKind::Word => {
            command_named(word.span.of(sql)).map(|_| pipe.span)
        }
        _ => None,
    })
}

fn limit(at: usize, message: &str) -> SyntaxError {
    SyntaxError::new(
        Span::new(at, at),
        format!("the query is too complex: {message}"),
    )
}

// ------------------------------------------------------------------------- the checks

/// A clause of SQL between pipes or behind a command.
fn sql_clause(scene: &Scene<'_>) -> Option<SyntaxError> {
    let clause = scene.here().filter(|token| token.kind == TokenKind::Word)?;
    if !scene.expected.command && !scene.expected.end {
        return None;
    }
    let instead = match scene.word(clause).to_lowercase().as_str() {
        "select" => "`fields` chooses columns",
        "from" => "`SOURCE name` chooses the store, at the front",
        "having" => "a `filter` after `stats` does that",
        "union" => "a `filter` with `or` does that, or SQL",
        "group" if scene.stage_command() == Some("stats") => {
            "just `by`, as in `stats count(*) by eventName`"
        }
        "group" => "`stats … by …` groups",
        "with" | "insert" | "update" | "delete" | "create" if scene.expected.command => {
            "a pipeline only reads"
        }
        _ => return None,
    };
    let word = scene.word(clause);
    Some(
        SyntaxError::new(
            clause.span,
            format!("`{word}` is SQL and no part of a pipeline"),
        )
        .hint(instead),
    )
}

/// A quote or slash without its partner.
fn unclosed(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.tokens.iter().find(|token| !token.closed)?;
    let opens = Span::new(token.span.start, token.span.start + 1);
    let mark = opens.of(scene.text);
    // An earlier quote that lacks its partner takes the next one's, with all between.
    let swallowed = |token: &&Token| {
        token.kind == TokenKind::Text
            && scene.word(**token).starts_with(mark)
            && scene.word(**token).contains(['\n', '|'])
    };
    if let Some(earlier) = scene.tokens.iter().filter(|t| t.closed).find(swallowed) {
        let place = Span::new(earlier.span.start, earlier.span.start + 1);
        return Some(
            SyntaxError::new(place, format!("a {mark} has no partner, probably this one")).hint(
                format!("close it, or write \\{mark} for one inside the text"),
            ),
        );
    }
    if opens.start > scene.at {
        return None;
    }
    let hint = match token.kind {
        TokenKind::Regex => {
            "close the regex on its line; a slash inside is written `\\/`".to_string()
        }
        TokenKind::Backticked => "close the name; a backtick inside is written twice".to_string(),
        _ => format!("close it, or write \\{mark} for one inside the text"),
    };
    Some(SyntaxError::new(opens, format!("this {mark} is never closed")).hint(hint))
}

/// A bracket without its partner, or with the wrong one.
fn brackets(scene: &Scene<'_>) -> Option<SyntaxError> {
    let mut open: Vec<Token> = Vec::new();
    for token in scene.tokens {
        match token.kind {
            TokenKind::Open => open.push(*token),
            TokenKind::Close => {
                let close = scene.word(*token);
                let reached = token.span.start <= scene.at;
                match open.pop() {
                    None if reached => {
                        let reason = format!("this `{close}` closes nothing");
                        return Some(SyntaxError::new(token.span, reason));
                    }
                    // A range may open with one bracket and close with the other.
                    Some(opened) if reached && (scene.word(opened) == "(") != (close == ")") => {
                        let opened = scene.word(opened);
                        let reason = format!("`{close}` cannot close a `{opened}`");
                        return Some(SyntaxError::new(token.span, reason));
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let token = open.pop().filter(|token| token.span.start < scene.at)?;
    let reason = format!("this `{}` is never closed", scene.word(token));
    Some(SyntaxError::new(token.span, reason))
}

/// Signs of other languages.
fn doubled_or_foreign_sign(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here()?;
    let sign = scene.word(token);
    let previous = scene.back(1);
    let doubled_pipe = token.kind == TokenKind::Pipe
        && previous.is_some_and(|p| p.kind == TokenKind::Pipe && p.span.end == token.span.start);
    if let (true, Some(previous)) = (doubled_pipe, previous) {
        let both = previous.span.join(token.span);
        return Some(
            SyntaxError::new(both, "`||` is not an operator")
                .hint("write `or`; `concat(a, b)` joins texts"),
        );
    }
    let hint = match sign {
        "==" => "write `=`",
        "<>" => "write `!=`",
        "&&" => "write `and`",
        ":=" => "write `expression as name`",
        ";" => "one query at a time: end it, or go on with `|`",
        "%" | "*" if scene.is(previous, "like") || scene.is(scene.back(2), "like") => {
            "put the text in quotes: `like \"text\"` finds it anywhere in the value"
        }
        _ => return None,
    };
    Some(SyntaxError::new(token.span, format!("`{sign}` does not belong here")).hint(hint))
}

/// Pipes with nothing between them, before or behind.
fn empty_stage(scene: &Scene<'_>) -> Option<SyntaxError> {
    if !scene.expected.command {
        return None;
    }
    match (scene.here(), scene.back(1)) {
        (Some(pipe), _) if pipe.kind == TokenKind::Pipe => Some(
            SyntaxError::new(pipe.span, "there is no command before this `|`")
                .hint("take one `|` out"),
        ),
        (None, Some(pipe)) if pipe.kind == TokenKind::Pipe => Some(
            SyntaxError::new(pipe.span, "no command follows this `|`")
                .hint("take it out, or go on"),
        ),
        _ => None,
    }
}

fn unknown_command(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|_| scene.expected.command)?;
    let word = scene.word(token);
    let error = SyntaxError::new(token.span, format!("unknown command `{word}`"));
    if token.kind != TokenKind::Word {
        return Some(
            SyntaxError::new(
                token.span,
                format!("a command should stand here, not `{word}`"),
            )
            .hint("a command opens with a word, such as `fields` or `filter`"),
        );
    }
    Some(match nearest_command(word) {
        Some(command) => error.hint(format!("did you mean `{}`?", command.name)),
        None => {
            error.hint("commands are fields, filter, stats, sort, limit, parse, dedup and others")
        }
    })
}

fn missing_pipe(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|_| scene.expected.end)?;
    let word = scene.word(token);
    command_named(word)?;
    Some(
        SyntaxError::new(token.span, format!("`{word}` begins a new command here"))
            .hint(format!("put a pipe before it: `| {word} …`")),
    )
}

fn missing_by(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|t| t.kind == TokenKind::Word)?;
    let stage = scene.stage();
    let grouped = stage.iter().any(|token| scene.is(Some(*token), "by"));
    if scene.stage_command() != Some("stats") || grouped || !scene.expected.end {
        return None;
    }
    let word = scene.word(token);
    Some(
        SyntaxError::new(token.span, format!("`by` is missing before `{word}`")).hint(format!(
            "write `stats … by {word}`, or a comma between two functions"
        )),
    )
}

/// SQL's `count(distinct x)`.
fn distinct(scene: &Scene<'_>) -> Option<SyntaxError> {
    let distinct = scene
        .back(1)
        .filter(|token| scene.is(Some(*token), "distinct"))?;
    scene
        .back(2)
        .filter(|token| token.kind == TokenKind::Open)?;
    let field = scene.here().map_or("x", |token| scene.word(token));
    Some(
        SyntaxError::new(distinct.span, "`distinct` does not belong here")
            .hint(format!("write `count_distinct({field})`")),
    )
}

/// `field:value`, which is how a search asks.
fn colon(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|token| scene.is(Some(*token), ":"))?;
    let field = scene
        .back(1)
        .filter(|token| token.kind == TokenKind::Word)?;
    let field = scene.word(field);
    Some(
        SyntaxError::new(token.span, "`:` belongs to a search, not to an expression").hint(
            format!("write `{field} = \"…\"`; a name that holds a colon goes into backticks"),
        ),
    )
}

/// A break inside a word: an address without quotes, a number with letters behind it.
fn broken_word(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|t| t.kind == TokenKind::Word)?;
    let word = scene.word(token);
    let number_before =
        word.starts_with(|c: char| c.is_ascii_digit()) && scene.at > token.span.start;
    if !number_before {
        return None;
    }
    let error = |reason: &str| SyntaxError::new(token.span, format!("`{word}` {reason}"));
    Some(
        if scene
            .expected
            .words
            .iter()
            .any(|words| words.contains("unit"))
        {
            error("is neither a number nor a length of time").hint(
            "lengths of time are `30s`, `5m`, `1h`, `1d`, `1w`, `1mo`, `1y`; a text goes into quotes, a field into backticks",
        )
        } else {
            error("is neither a number nor a name").hint("put it in quotes")
        },
    )
}

/// A word of the language where a field should be.
fn reserved_word(scene: &Scene<'_>) -> Option<SyntaxError> {
    let token = scene.here().filter(|_| scene.expected.value)?;
    let word = scene.word(token);
    if !RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(word))
    {
        return None;
    }
    let error = SyntaxError::new(token.span, format!("a value should stand before `{word}`"));
    Some(
        if scene.stage_command() == Some("stats") && scene.is(Some(token), "by") {
            error.hint("say what to count or sum: `stats count(*) by …`")
        } else {
            error.hint(format!(
                "as the name of a field it goes into backticks: `` `{word}` ``"
            ))
        },
    )
}

/// Two values side by side.
fn missing_comma_or_quotes(scene: &Scene<'_>) -> Option<SyntaxError> {
    let is_value = |token: &Token| {
        matches!(
            token.kind,
            TokenKind::Word | TokenKind::Text | TokenKind::Backticked
        )
    };
    let token = scene
        .here()
        .filter(is_value)
        .filter(|_| scene.expected.operator || scene.expected.end)?;
    let before = scene.back(1)?;
    let word = scene.word(token);
    let compared = scene
        .back(2)
        .is_some_and(|sign| matches!(scene.word(sign), "=" | "!=" | "<" | ">" | "<=" | ">="))
        || scene.is(scene.back(2), "like");
    if compared && before.kind == TokenKind::Word && token.kind == TokenKind::Word {
        let both = before.span.join(token.span);
        let reason = format!("`{}` is not one value", both.of(scene.text));
        return Some(SyntaxError::new(both, reason).hint("put a text of several words in quotes"));
    }
    let lists = [
        "fields",
        "display",
        "sort",
        "order",
        "dedup",
        "stats",
        "unmask",
        "countFrequent",
    ];
    let in_list = scene
        .stage_command()
        .is_some_and(|command| lists.contains(&command));
    let in_brackets = !scene.expected.end;
    if (is_value(&before) || before.kind == TokenKind::Close) && (in_list || in_brackets) {
        return Some(
            SyntaxError::new(token.span, format!("a comma is missing before `{word}`"))
                .hint("parts of a list are parted by commas"),
        );
    }
    None
}

/// What stands there, and what should.
fn unexpected(scene: &Scene<'_>) -> SyntaxError {
    let expected = scene.expected;
    let mut wanted: Vec<&str> = Vec::new();
    if expected.command {
        wanted.push("a command");
    }
    if expected.value {
        wanted.push("a value or a field");
    }
    // Where all is complete, whatever could be added says nothing about the mistake.
    let only_alias = expected.operator && expected.words == ["`as`"];
    if !(expected.end || only_alias) {
        wanted.extend(&expected.words);
    }
    if expected.operator && !expected.end && wanted.is_empty() {
        wanted.push("an operator or a closing bracket");
    }
    let wanted = match wanted.as_slice() {
        [] => None,
        [one] => Some((*one).to_string()),
        [most @ .., last] => Some(format!("{} or {last}", most.join(", "))),
    };
    match (scene.here(), wanted) {
        (None, Some(wanted)) => SyntaxError::new(
            scene.end(),
            format!("the query ends where {wanted} should follow"),
        ),
        (None, None) => SyntaxError::new(scene.end(), "the query ends too early"),
        (Some(token), Some(wanted)) => {
            let reason = format!("{wanted} should stand here, not `{}`", scene.word(token));
            SyntaxError::new(token.span, reason)
        }
        (Some(token), None) => {
            let reason = format!("`{}` does not belong here", scene.word(token));
            let error = SyntaxError::new(token.span, reason);
            if expected.end {
                error.hint("the command is complete before it: go on with `|` or an operator")
            } else {
                error
            }
        }
    }
}
