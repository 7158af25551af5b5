"""What starts re-checks: the system's own timer, which wakes homecheck every quarter of an hour.

job             what is started, and when: `Job`
systemd         user units            cron             lines in a crontab
launchd         an agent's plist      task_scheduler   a task's XML

Each has a pure function that gives the text, and a `Timer` that installs, compares and removes it by the system's own
command. Whether it is time for a check is not for them to say (`homecheck.schedule`).
"""
