mod queue;
mod retry;
