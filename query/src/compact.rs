//! A physical rule: rows that are chosen again and again list their buffers once.
//!
//! A text of a batch points into buffers. An operator that collects its input and chooses
//! rows of it gives batches that list all the buffers of what it collected, needed or not,
//! and the next that collects such batches lists these for each batch anew. So the lists
//! grow with every join upon a join, 26 times in a store of 20,000 events under 64 MiB:
//! six joins held gigabytes that no reservation knew of. What such an operator hands to
//! another of its kind lists what it needs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ByteView, GenericByteViewArray, MAX_INLINE_VIEW_LEN, RecordBatch,
    RecordBatchOptions, UInt32Array, make_array,
};
use datafusion::arrow::buffer::{Buffer, ScalarBuffer};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{BinaryViewType, ByteViewType, DataType, StringViewType};
use datafusion::arrow::error::ArrowError;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;

/// See the module.
#[derive(Debug)]
pub struct CompactRule;

impl PhysicalOptimizerRule for CompactRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        compacted(plan, false)
    }

    fn name(&self) -> &str {
        "CompactRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan, whose rows an operator above it collects or not.
fn compacted(plan: Arc<dyn ExecutionPlan>, is_collected: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let collects = collects(plan.as_ref());
    let children = plan.children().into_iter().cloned();
    let children = children
        .map(|child| compacted(child, is_collected || collects))
        .collect::<Result<Vec<_>>>()?;
    let plan = replace_children_if_necessary(plan, children)?;
    let schema = plan.schema();
    let has_texts = schema.fields().iter().any(|f| has_views(f.data_type()));
    Ok(match is_collected && collects && has_texts {
        true => Arc::new(CompactExec { input: plan }),
        false => plan,
    })
}

/// Whether an operator collects batches and chooses rows of them.
fn collects(plan: &dyn ExecutionPlan) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<SortExec>()
        || plan.is::<SortPreservingMergeExec>()
        || plan.is::<WindowAggExec>()
        || plan.is::<BoundedWindowAggExec>()
}

fn has_views(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8View | DataType::BinaryView => true,
        DataType::List(field) | DataType::Map(field, _) => has_views(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| has_views(f.data_type())),
        _ => false,
    }
}

/// The rows of its input, without the buffers that they do not need.
#[derive(Debug)]
struct CompactExec {
    input: Arc<dyn ExecutionPlan>,
}

impl ExecutionPlan for CompactExec {
    fn name(&self) -> &str {
        "CompactExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(Self { input })),
            _ => internal_err!("CompactExec has one input"),
        }
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let batches = self.input.execute(partition, context)?;
        let schema = batches.schema();
        let batches = batches.map(|batch| compact(&batch?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

impl DisplayAs for CompactExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CompactExec")
    }
}

fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(compact_array);
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let compact = RecordBatch::try_new_with_options(batch.schema(), columns, &rows);
    Ok(compact?)
}

fn compact_array(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Utf8View => compact_views::<StringViewType>(array)?,
        DataType::BinaryView => compact_views::<BinaryViewType>(array)?,
        nested if has_views(nested) => {
            let data = array.to_data();
            let children = data.child_data().iter();
            let children = children
                .map(|child| Ok(compact_array(&make_array(child.clone()))?.to_data()))
                .collect::<Result<Vec<_>>>()?;
            make_array(data.into_builder().child_data(children).build()?)
        }
        _ => Arc::clone(array),
    })
}

/// The batch with nothing in its buffers but what it shows. Formats that write buffers as
/// they are would write those that batches share with each of them.
pub fn lean(batch: &RecordBatch) -> std::result::Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().map(lean_array);
    let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &rows)
}

fn lean_array(array: &ArrayRef) -> std::result::Result<ArrayRef, ArrowError> {
    Ok(match array.data_type() {
        DataType::Utf8View => lean_views::<StringViewType>(array),
        DataType::BinaryView => lean_views::<BinaryViewType>(array),
        nested if has_views(nested) => {
            // Values of lists that a slice does not show are among the children still.
            let rows = UInt32Array::from_iter_values(0..array.len() as u32);
            let data = take(array, &rows, None)?.to_data();
            let children = data.child_data().iter();
            let children = children
                .map(|child| Ok(lean_array(&make_array(child.clone()))?.to_data()))
                .collect::<std::result::Result<Vec<_>, ArrowError>>()?;
            make_array(data.into_builder().child_data(children).build()?)
        }
        _ => Arc::clone(array),
    })
}

fn lean_views<T: ByteViewType>(array: &ArrayRef) -> ArrayRef {
    let views: &GenericByteViewArray<T> = array.as_byte_view();
    let held: usize = views.data_buffers().iter().map(Buffer::len).sum();
    match held > views.total_buffer_bytes_used() {
        true => Arc::new(views.gc()),
        false => Arc::clone(array),
    }
}

/// Buffers of so many bytes in all may be kept for a batch that uses less than half of
/// them: other batches may share them, as they do a dictionary.
const SHARED_BYTES_MAX: usize = 512 << 10;

fn compact_views<T: ByteViewType>(array: &ArrayRef) -> Result<ArrayRef> {
    let views: &GenericByteViewArray<T> = array.as_byte_view();
    let used = views.total_buffer_bytes_used();
    let is_sparse = |buffers: &[Buffer]| capacity(buffers) > 2 * used;
    if !is_sparse(views.data_buffers()) {
        return Ok(Arc::clone(array));
    }
    let needed = needed(views)?;
    let is_shared = capacity(needed.data_buffers()) <= SHARED_BYTES_MAX;
    Ok(match is_shared || !is_sparse(needed.data_buffers()) {
        true => Arc::new(needed),
        false => Arc::new(needed.gc()),
    })
}

fn capacity(buffers: &[Buffer]) -> usize {
    buffers.iter().map(Buffer::capacity).sum()
}

/// The same texts, with each buffer that one of them is in listed once.
fn needed<T: ByteViewType>(views: &GenericByteViewArray<T>) -> Result<GenericByteViewArray<T>> {
    let listed = views.data_buffers();
    let mut buffers = Vec::new();
    let mut places: HashMap<(*const u8, usize), u32> = HashMap::new();
    let moved = views.views().iter().map(|view| {
        let mut view = ByteView::from(*view);
        if view.length <= MAX_INLINE_VIEW_LEN {
            return view.as_u128();
        }
        // What stands where there is no value may point anywhere.
        let Some(buffer) = listed.get(view.buffer_index as usize) else {
            return 0;
        };
        view.buffer_index = *places
            .entry((buffer.as_ptr(), buffer.len()))
            .or_insert_with(|| {
                buffers.push(buffer.clone());
                buffers.len() as u32 - 1
            });
        view.as_u128()
    });
    let moved: ScalarBuffer<u128> = moved.collect();
    let nulls = views.nulls().cloned();
    Ok(GenericByteViewArray::try_new(moved, buffers, nulls)?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ListBuilder, StringViewArray, StringViewBuilder};
    use datafusion::arrow::compute::concat;

    use super::*;

    fn texts(from: usize) -> ArrayRef {
        let text = |n| format!("a text that is no part of its view, {n}");
        Arc::new(StringViewArray::from_iter_values(
            (from..from + 100).map(text),
        ))
    }

    fn lists(from: usize) -> ArrayRef {
        let mut lists = ListBuilder::new(StringViewBuilder::new());
        for text in texts(from).as_string_view().iter() {
            lists.values().append_option(text);
            lists.append(true);
        }
        Arc::new(lists.finish())
    }

    fn chosen(array: &dyn Array) -> ArrayRef {
        let rows = UInt32Array::from(vec![Some(0), Some(150), None, Some(999), Some(1003)]);
        take(array, &rows, None).expect("they are there")
    }

    fn n_buffers(array: &ArrayRef) -> usize {
        let texts = match array.as_list_opt::<i32>() {
            Some(lists) => lists.values(),
            None => array,
        };
        texts.as_string_view().data_buffers().len()
    }

    #[test]
    fn each_needed_buffer_is_listed_once() {
        for make in [texts, lists] {
            let many: Vec<ArrayRef> = (0..10).map(|n| make(100 * n)).collect();
            // As collected of batches that share them.
            let twice: Vec<&dyn Array> = many.iter().chain(&many).map(AsRef::as_ref).collect();
            let few = chosen(&concat(&twice).expect("of one type"));
            let compact = compact_array(&few).expect("compact");
            assert_eq!(few.as_ref(), compact.as_ref());
            assert_eq!((n_buffers(&few), n_buffers(&compact)), (20, 3));
        }
        let whole: ArrayRef = Arc::new(StringViewArray::from(vec!["x".repeat(1 << 20)]));
        let kept = compact_array(&whole).expect("kept");
        assert!(Arc::ptr_eq(&whole, &kept));
    }

    #[test]
    fn large_buffers_are_left_behind() {
        let mut texts = StringViewBuilder::new().with_fixed_block_size(2 << 20);
        texts.append_value("a text of some length");
        texts.append_value("x".repeat(1 << 20));
        let large: ArrayRef = Arc::new(texts.finish());
        let compact = compact_array(&large.slice(0, 1)).expect("compact");
        assert_eq!(compact.as_string_view().value(0), "a text of some length");
        assert!(compact.get_array_memory_size() < 1 << 10);
    }
}
