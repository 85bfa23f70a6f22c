import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # fuzz.py and scenarios.py, which run.py shares
