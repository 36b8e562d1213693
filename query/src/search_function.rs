//! `search('…')` in SQL: the words of a search as a condition.
//!
//! The call has no column that it could read, so it is no function that runs: the pass
//! over the plan makes it a column of the table that is in scope, which the scan decides.
//! What is left after the pass stands where no event is in reach, and is an error.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use tarn_store::Predicate;

use crate::error::{Code, QueryError, find_word};
use crate::search;
use crate::search_plan::{self, Clock};
use crate::span::Span;

const NAME: &str = "search";

/// The function as the planner knows it.
pub fn udf() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(SearchFunction {
        signature: Signature::new(
            TypeSignature::String(1),
            // Its result differs from row to row, so it must not be folded or moved as a
            // function of its argument.
            Volatility::Volatile,
        ),
    }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SearchFunction {
    signature: Signature,
}

impl ScalarUDFImpl for SearchFunction {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("search() was planned and not replaced")
    }
}

/// What the searches of one query are lowered with.
pub struct Lowering<'q> {
    /// The text of the query, for the places of errors.
    pub text: &'q str,
    pub clock: Clock,
}

impl Lowering<'_> {
    /// The predicate of a call; None of any other expression.
    ///
    /// **Errors**: the words are no constant, or no search.
    pub fn predicate_of(&self, expr: &Expr) -> Result<Option<Predicate>> {
        let Some(arguments) = call(expr) else {
            return Ok(None);
        };
        let text = match arguments {
            [Expr::Literal(value, _)] => value.try_as_str().flatten(),
            _ => None,
        };
        let Some(text) = text else {
            return Err(self.not_a_constant());
        };
        let lowered = search::parse(text)
            .map_err(QueryError::from)
            .and_then(|search| search_plan::lower(&search, self.clock))
            .map_err(|error| self.placed(error, text))?;
        Ok(Some(lowered.predicate))
    }

    fn not_a_constant(&self) -> DataFusionError {
        let error = QueryError::new(Code::WrongType, "search() takes one text, and no column")
            .hint("write what to look for: search('AKIAIOSFODNN7EXAMPLE -eventName:Describe*')");
        external(match find_word(self.text, NAME) {
            Some(span) => error.at(span),
            None => error,
        })
    }

    /// An error within the searched text, at its place in the query.
    fn placed(&self, error: QueryError, text: &str) -> DataFusionError {
        let start = self.text.find(&format!("'{text}'"));
        let error = match (start, error.span) {
            (Some(start), Some(span)) => error.at(span.shifted(start + 1)),
            _ => QueryError {
                span: None::<Span>,
                ..error
            },
        };
        external(error)
    }
}

/// That a call is left in the plan.
pub fn out_of_reach(expr: &Expr) -> Option<QueryError> {
    call(expr)?;
    let error = QueryError::new(
        Code::Unsupported,
        "search() finds no events where it stands",
    );
    Some(error.hint("write it in the SELECT that reads the events, with one store in its FROM"))
}

fn call(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::ScalarFunction(call) => {
            let implementation: &dyn Any = call.func.inner().as_ref();
            implementation
                .is::<SearchFunction>()
                .then_some(call.args.as_slice())
        }
        _ => None,
    }
}

fn external(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
