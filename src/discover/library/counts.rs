use std::time::Duration;

/// What scanning did and could not do, since the start unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Passes over the list of processes.
    pub passes: u64,
    /// Looks at processes, of which some are looked at several times.
    pub looks: u64,
    /// Time that passes took.
    pub time: Duration,
    /// Processes known now, kernel threads too.
    pub processes: usize,
    /// Processes that exist now beyond those that can be known.
    pub processes_left_out: usize,
    /// Of the processes that were due in the last pass, how many wait for the next.
    pub waiting: usize,
    /// Times that the mappings of a process could not be read, for want of CAP_SYS_PTRACE.
    pub denied: u64,
    /// Times that a mapped library could not be opened.
    pub unreadable: u64,
    /// Times that a mapped library was left alone because its file system did not answer.
    pub unanswered: u64,
    /// Times that a process had more mappings or libraries than are looked at.
    pub cut_short: u64,
    /// Files and directories of the host that cannot be read now.
    pub host_unreadable: u64,
    /// Files and directories of the host that do not answer now.
    pub host_unanswered: u64,
    /// Files of the host beyond the limit now.
    pub host_left_out: u64,
    /// Times that a library was not made known because so many are.
    pub libraries_left_out: u64,
    /// Times that a process was not told of because so many are.
    pub users_left_out: u64,
    /// Requests for a process beyond those that can wait.
    pub requests_left_out: u64,
    /// Processes, and the host, whose look does not come back now.
    pub stuck: usize,
    /// Times that the list of processes could not be read.
    pub list_errors: u64,
}
