"""`python -m e2ad` is `e2ad`."""

from e2ad.cli.daemon import main

if __name__ == "__main__":
    main()
