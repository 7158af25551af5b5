"""All SQL. One module per kind of row; functions take a connection, return frozen values, and never print.

    database   opened, and read by threads   connection one connection, and one transaction at a time
    sqlite, postgres, dialect                the engines, and all that differs between them
    migrations the tables and their changes  before_alembic   SQLite files of the first versions
    writer     many writers, one commit      failures   what a database can refuse
    settings   who this collector is
    programs   programs, policies, responders            people     people, invitations, device keys
    evidence   what was received             users      who may look, links and sessions
    events     what an administrator did, and what looks like an attack
    months     PostgreSQL's tables by month  packing    envelopes, compressed
    callbacks  calls with a code                         log        the tamper-evident log; log_begin its beginning

Times are RFC 3339 texts in UTC with milliseconds, which sort as they are. Secrets that others hold (invitation codes,
sign-in links, sessions) are stored as SHA-256 and cannot be read back.
"""
