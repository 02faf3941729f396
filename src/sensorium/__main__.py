"""`python -m sensorium` is `sensorium`."""

from sensorium.cli.main import main

main()
