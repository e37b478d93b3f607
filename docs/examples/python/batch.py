import os

print("paying the invoices of", os.environ["CRONLEDGER_RUN_DATE"])
