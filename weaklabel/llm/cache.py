"""The answer cache: every answer on disk before the next question takes its place.

An SQLite file in write-ahead mode: answers that arrive together are one transaction, and a question
counts as on its way until its answer is committed. ``kill -9`` so loses at most the requests that
were on their way. Several processes may use one file. A damaged file is noticed when it is opened,
set aside under another name, and said.

What was paid for is kept whatever it is worth: an answer that cannot be read, or a refusal, is not
paid for twice. Requests that failed are not kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from weaklabel.errors import CacheWarning, ConfigError
from weaklabel.llm.protocol import Answer
from weaklabel.llm.stored import answer_from_json, answer_to_json

_APPLICATION: Final = 0x574C4C4D  # "WLLM": marks the file as a cache of answers
_TABLE: Final = "answers_1"  # the number changes with the format
_KEYS_AT_ONCE: Final = 500
_WAIT_SECONDS: Final = 60.0
_SQLITE: Final = b"SQLite format 3\x00"


class AnswerCache:
    """Answers of language models on disk.

    Parameters
    ----------
    path : path
        Of the file; made if it does not exist.

    Raises
    ------
    ConfigError
        If the file is something else, or cannot be opened.

    Warns
    -----
    CacheWarning
        If the file is damaged; it is then set aside and begun anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._database = self._connect()
        self._waiting: list[tuple[bytes, str, str]] = []
        self._committed: asyncio.Future[None] | None = None

    # -- reading -------------------------------------------------------------------------------

    def get(self, key: bytes) -> Answer | None:
        """The answer to a question, if it is there."""
        query = f"SELECT answer FROM {_TABLE} WHERE key = ?"
        row = self._database.execute(query, (key,)).fetchone()
        return None if row is None else _answer(row[0])

    def get_many(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Answer]]:
        """The answers that are there, with their keys."""
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT key, answer FROM {_TABLE} WHERE key IN ({marks})"
            for key, text in self._database.execute(query, some).fetchall():
                answer = _answer(text)
                if answer is not None:
                    yield key, answer

    def __len__(self) -> int:
        (n_answers,) = self._database.execute(f"SELECT count(*) FROM {_TABLE}").fetchone()
        return int(n_answers)

    # -- writing -------------------------------------------------------------------------------

    def put(self, key: bytes, model: str, answer: Answer) -> asyncio.Future[None]:
        """Keep an answer; the future is done when it is on disk, or holds a ``sqlite3.Error``.

        Answers of one turn of the event loop are committed together, even if nobody waits.
        """
        self._waiting.append((key, model, json.dumps(answer_to_json(answer))))
        if self._committed is None:
            loop = asyncio.get_running_loop()
            self._committed = loop.create_future()
            loop.call_soon(self._commit)
        return asyncio.shield(self._committed)

    def _commit(self) -> None:
        rows, done = self._waiting, self._committed
        self._waiting, self._committed = [], None
        try:
            self._write(rows)
        except sqlite3.Error as error:
            if done is not None and not done.done():
                done.set_exception(error)
                done.exception()  # whoever waits gets it; nobody waiting is no mistake
            return
        if done is not None and not done.done():
            done.set_result(None)

    def _write(self, rows: Sequence[tuple[bytes, str, str]]) -> None:
        now = int(time.time())
        with self._database:
            self._database.executemany(
                f"INSERT OR REPLACE INTO {_TABLE} VALUES (?, ?, ?, ?)",
                [(key, model, now, text) for key, model, text in rows],
            )

    def close(self) -> None:
        """Write what waits, and close the file."""
        if self._waiting:
            self._commit()
        self._database.close()

    # -- the file ------------------------------------------------------------------------------

    def _connect(self) -> sqlite3.Connection:
        self._check_is_ours()
        try:
            return self._opened()
        except sqlite3.OperationalError as error:
            raise ConfigError(f"the answer cache {self.path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            aside = self._set_aside()
            warnings.warn(
                f"the answer cache {self.path} is damaged ({_one_line(error)}); it was set aside "
                f"as {aside.name} and begun anew, so its answers will be paid for again",
                CacheWarning,
                stacklevel=4,
            )
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        # The thread that runs the event loop uses it while the one that opened it waits.
        database = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, check_same_thread=False)
        try:
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        # In this order: another process may be making the file, and marks it before it has tables.
        (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if application != _APPLICATION and n_tables:
            raise self._not_ours()
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        _patiently(database, "PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")  # safe against kill -9 in this mode
        with database:
            database.execute(f"PRAGMA application_id = {_APPLICATION}")
            database.execute(
                f"CREATE TABLE IF NOT EXISTS {_TABLE} "
                "(key BLOB PRIMARY KEY, model TEXT, time INTEGER, answer TEXT) WITHOUT ROWID"
            )

    def _check_is_ours(self) -> None:
        if not self.path.absolute().parent.is_dir():
            raise ConfigError(
                f"the folder {self.path.parent} of the answer cache does not exist; make it first"
            )
        if self.path.is_dir():
            raise ConfigError(f"the answer cache {self.path} is a folder; name a file")
        if self.path.exists():
            with self.path.open("rb") as stream:
                head = stream.read(len(_SQLITE))
            if head and head != _SQLITE:
                raise self._not_ours()

    def _not_ours(self) -> ConfigError:
        return ConfigError(
            f"{self.path} exists and is not an answer cache; choose another name for cache="
        )

    def _set_aside(self) -> Path:
        """Move the file and its log away; a log left behind would be applied to the new file."""
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        for suffix in ("", "-wal", "-shm"):
            with suppress(FileNotFoundError):
                self.path.with_name(self.path.name + suffix).replace(
                    aside.with_name(aside.name + suffix)
                )
        return aside


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _patiently(database: sqlite3.Connection, statement: str) -> None:
    """Changing the mode does not wait for other processes by itself."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            database.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _answer(text: str) -> Answer | None:
    """A stored answer; None for one that this version cannot read."""
    try:
        return answer_from_json(json.loads(text))
    except (KeyError, TypeError, ValueError):
        return None
