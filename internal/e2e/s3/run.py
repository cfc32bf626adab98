"""Runs the cases of the S3 API against a server: run.py ENDPOINT. Credentials come from the environment."""

import importlib
import sys
import time
import traceback

from harness import Harness

MODULES = [
    "buckets", "settings", "objects", "conditions", "locking", "versions", "checksums", "multipart", "copying", "listing", "presigned", "posting", "corrupted",
    "awscli", "s3cmd", "s5cmd", "tables",
]


def main():
    t = Harness(sys.argv[1])
    passed = failed = 0
    for module in [importlib.import_module(name) for name in sys.argv[2:] or MODULES]:
        for name, case in vars(module).items():
            if not name.startswith("test_"):
                continue
            begin = time.monotonic()
            try:
                case(t)
                passed += 1
                print(f"ok   {module.__name__}: {name[5:].replace('_', ' ')} ({time.monotonic() - begin:.2f} s)")
            except Exception:
                failed += 1
                print(f"FAIL {module.__name__}: {name[5:].replace('_', ' ')}\n{traceback.format_exc()}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
